// Tables as files: RFC 4180, and nothing that a spreadsheet takes for a formula.
import { cell } from "./found_goods.js";

/** Saves rows under a name with today's date. @param {string} name @param {readonly (readonly (string | number)[])[]} rows the first are the columns */
export function saveCsv(name, rows) {
  const text = rows.map((row) => `${row.map((each) => cell(String(each))).join(",")}\r\n`).join("");
  const place = document.createElement("a");
  place.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  place.download = `${name}-${new Date().toISOString().slice(0, 10)}.csv`;
  place.click();
  setTimeout(() => URL.revokeObjectURL(place.href), 10_000);
}

/** A time as files have it; empty for never. @param {number} at */
export const stamp = (at) => (at > 0 ? new Date(at).toISOString() : "");
