// Goods that were looked up by serial or lot: which lines of the sales found are meant, and as CSV.

/** @typedef {import("./protocol").SaleView} SaleView */
/** @typedef {import("./protocol").LineView} LineView */
/** @typedef {{sale: SaleView, line: LineView}} Found */

/** @param {string} one @param {string} other */
const alike = (one, other) => one.toUpperCase() === other.toUpperCase();

/** The lines that have the number, in the order of the sales. @param {readonly SaleView[]} sales @param {string} number @returns {Found[]} */
export function foundIn(sales, number) {
  return sales.flatMap((sale) =>
    sale.lines.filter(({ voided, details: { serial, lot } }) => !voided && [serial, lot].some((each) => each && alike(each, number))).map((line) => ({ sale, line })),
  );
}

const COLUMNS = ["sold_at", "store", "till", "receipt", "customer", "sku", "name", "quantity", "unit", "serial", "lot", "expires", "came_back", "note"];

/** A text as RFC 4180 wants it, and one that no spreadsheet takes for a formula. @param {string} text */
export function cell(text) {
  const tame = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(tame) ? `"${tame.replaceAll('"', '""')}"` : tame;
}

/** The same as the table shows, and more. Quantities with a point, times in UTC. @param {readonly Found[]} found */
export function foundAsCsv(found) {
  const rows = found.map(({ sale, line }) => [
    new Date(sale.completed_at).toISOString(),
    sale.store,
    sale.till,
    sale.receipt_number,
    sale.customer,
    line.sku,
    line.name,
    String(line.quantity / 1000),
    line.unit,
    line.details.serial ?? "",
    line.details.lot ?? "",
    line.details.expires ?? "",
    line.returned ? "yes" : "no",
    line.details.note ?? "",
  ]);
  return [COLUMNS, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}
