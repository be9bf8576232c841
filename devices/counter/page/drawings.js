// Drawn goods: ink outline, flat tints, standing on the line y = 104 of an 80 by 106 box.
// A `T` stands for the tint of the article, so that two jars beside each other differ.

/** @type {Readonly<Record<string, string>>} */
const DRAWINGS = {
  milk: '<path d="M22 30h36v74H22z" fill="var(--paper)"/><path d="M22 62h36v26H22z" fill="var(--good-4)"/><path d="M22 30 30 14h20l8 16z" fill="var(--good-5)"/><path d="M30 6h20v8H30z" fill="var(--paper)"/><path d="M34 75c4-6 8 6 12 0" stroke="var(--paper)"/>',
  bread: '<path d="M8 104V76c0-16 14-24 32-24s32 8 32 24v28z" fill="var(--good-1)"/><path d="M22 66l8 12M36 62l8 14M50 64l7 12"/>',
  coffee: '<path d="M18 26h44l4 78H14z" fill="var(--good-6)"/><path d="M18 26l3-12h38l3 12z" fill="var(--good-6)"/><path d="M26 52h28v30H26z" fill="var(--good-5)"/><path d="M40 58c-8 5-8 13 0 18 8-5 8-13 0-18zM40 58v18"/>',
  wine: '<path d="M34 4h12v26c0 10 10 12 10 24v50H24V54c0-12 10-14 10-24z" fill="var(--good-3)"/><path d="M34 4h12v12H34z" fill="var(--good-2)"/><path d="M24 62h32v26H24z" fill="var(--good-5)"/><path d="M31 70h18M31 77h12"/>',
  eggs: '<path d="M4 78h72v26H4z" fill="var(--good-5)"/><path d="M8 78c0-10 3-18 8-18s8 8 8 18M24 78c0-10 3-18 8-18s8 8 8 18M40 78c0-10 3-18 8-18s8 8 8 18M56 78c0-10 3-18 8-18s8 8 8 18" fill="var(--paper)"/><path d="M20 91h40"/>',
  can: '<path d="M18 40h44v64H18z" fill="var(--T)"/><path d="M18 40c0-5 44-5 44 0M18 52h44M18 94h44"/><circle cx="40" cy="73" r="12" fill="var(--paper)"/><path d="M40 64v5M35 66l5 3 5-3"/>',
  juice: '<path d="M20 34h40v70H20z" fill="var(--good-1)"/><path d="M20 34l6-14h28l6 14z" fill="var(--good-5)"/><path d="M46 20l4-14h8"/><circle cx="40" cy="68" r="13" fill="var(--paper)"/><path d="M40 55v26M27 68h26M31 59l18 18M49 59 31 77"/>',
  cheese: '<path d="M6 78 48 46c14 2 26 14 26 32v26H6z" fill="var(--good-1)"/><path d="M6 78h68"/><circle cx="24" cy="92" r="4" fill="var(--good-5)"/><circle cx="52" cy="90" r="5.5" fill="var(--good-5)"/><circle cx="50" cy="64" r="4" fill="var(--good-5)"/>',
  soap: '<path d="M22 56h36v48H22z" fill="var(--T)"/><path d="M30 56V42h20v14zM40 42V28h16v6M40 28H32" fill="none"/><path d="M28 70h24v18H28z" fill="var(--paper)"/><path d="M34 79h12"/>',
  news: '<path d="M12 48h56v56H12z" fill="var(--paper)"/><path d="M19 58h42" stroke-width="4"/><path d="M19 68h22v20H19zM47 68h14M47 75h14M47 82h14M47 89h14M19 95h42"/>',
  flower: '<path d="M22 60 32 104h16l10-44z" fill="var(--good-5)"/><path d="M28 60V42M40 60V32M52 60V42"/><path d="M22 30c2 4 4 4 6 0 2 4 4 4 6 0v8c0 8-12 8-12 0zM46 30c2 4 4 4 6 0 2 4 4 4 6 0v8c0 8-12 8-12 0zM34 18c2 4 4 4 6 0 2 4 4 4 6 0v9c0 8-12 8-12 0z" fill="var(--T)"/>',
  bag: '<path d="M14 46h52v58H14z" fill="var(--good-5)"/><path d="M28 46V34c0-16 24-16 24 0v12"/><path d="M33 70h14v20H33z" fill="var(--paper)"/><path d="M36 76h8M36 82h8"/>',
  roll: '<path d="M8 104c-6-26 10-42 32-42s38 16 32 42z" fill="var(--good-1)"/><path d="M22 80c6-9 14-12 24-11M30 92c6-6 14-8 24-7"/>',
  croissant: '<path d="M6 104c-6-30 12-50 34-50s40 20 34 50c-10 1-16-3-18-11-3-8-8-12-16-12s-13 4-16 12c-2 8-8 12-18 11z" fill="var(--good-1)"/><path d="M24 60l6 23M56 60l-6 23M12 78l14 12M68 78 54 90"/>',
  cake: '<path d="M8 104V70l64-18v52z" fill="var(--good-5)"/><path d="M8 70 48 44c12 0 22 3 24 8z" fill="var(--good-1)"/><path d="M8 86l64-8"/><circle cx="52" cy="44" r="5" fill="var(--good-2)"/>',
  butter: '<path d="M6 74h68v30H6z" fill="var(--good-1)"/><path d="M6 74l10-14h52l6 14z" fill="var(--good-5)"/><path d="M22 74h36v30H22z" fill="var(--paper)"/><path d="M30 86h20M34 94h12"/>',
  water: '<path d="M33 12h14v12c0 8 11 12 11 26v54H22V50c0-14 11-18 11-26z" fill="var(--paper)"/><path d="M33 12h14v9H33z" fill="var(--good-4)"/><path d="M22 62h36v22H22z" fill="var(--good-4)"/><path d="M30 73c4-5 7 5 10 0s7 5 10 0" stroke="var(--paper)"/>',
  cup: '<path d="M20 52h40l-5 52H25z" fill="var(--paper)"/><path d="M16 44h48v8H16z" fill="var(--good-6)"/><path d="M22 68h36l-2 18H24z" fill="var(--good-6)"/><path d="M33 36c-4-6 4-8 0-14M46 36c-4-6 4-8 0-14"/>',
  lemon: '<path d="M10 96c-4-4-1-8-2-14-2-18 18-34 36-30 8 1 12-2 17 3s2 9 3 17c2 16-14 32-32 30-9-1-14 2-22-6z" fill="var(--good-1)"/><path d="M24 88c2-12 10-20 22-22"/>',
  fish: '<path d="M4 84c14-24 38-26 54-8l18-14c-5 14-5 28 0 42L58 92c-18 16-42 12-54-8z" fill="var(--T)"/><circle cx="20" cy="82" r="2.5" fill="var(--paper)"/><path d="M32 74c5 6 5 14 0 20"/>',
  apple: '<path d="M40 64c-8-6-30-6-30 16 0 14 10 24 18 24 6 0 8-2 12-2s6 2 12 2c8 0 18-10 18-24 0-22-22-22-30-16z" fill="var(--good-2)"/><path d="M40 64c0-8 3-14 10-18"/><path d="M42 56c4-8 12-9 18-6-4 7-12 9-18 6z" fill="var(--good-3)"/>',
  banana: '<path d="M22 46l8-3c2 26 16 42 42 48l1 8C40 106 18 86 22 46z" fill="var(--good-1)"/><path d="M30 62c6 16 18 28 34 34"/>',
  tomato: '<path d="M8 80c0-16 14-22 32-22s32 6 32 22-14 24-32 24S8 96 8 80z" fill="var(--good-2)"/><path d="M40 60 26 54l10-2 4-10 4 10 10 2z" fill="var(--good-3)"/>',
  potato: '<path d="M14 78c4-18 30-24 46-12s14 34-4 37-44-1-42-25z" fill="var(--good-6)"/><path d="M30 76v.01M48 74v.01M40 90v.01M58 86v.01" stroke-width="4"/>',
  candle: '<path d="M26 60h28v44H26z" fill="var(--good-5)"/><path d="M40 60v-8"/><path d="M40 30c9 9 9 17 0 22-9-5-9-13 0-22z" fill="var(--good-1)"/><path d="M14 104h52"/><path d="M34 60v14c0 4 5 4 5 0V60" fill="var(--paper)"/>',
  // for goods without a shape of their own, by their group
  jar: '<path d="M22 44h36c4 4 6 8 6 14v46H16V58c0-6 2-10 6-14z" fill="var(--T)"/><path d="M22 32h36v12H22z" fill="var(--good-5)"/><path d="M16 66h48v24H16z" fill="var(--paper)"/><path d="M26 75h28M30 82h20"/>',
  packet: '<path d="M16 30h48v74H16z" fill="var(--T)"/><path d="M16 30l4-6 4 6 4-6 4 6 4-6 4 6 4-6 4 6 4-6 4 6 4-6 4 6" fill="none"/><path d="M24 48h32v30H24z" fill="var(--paper)"/><path d="M31 58h18M31 66h12"/>',
  bottle: '<path d="M33 14h14v16c0 8 9 12 9 24v50H24V54c0-12 9-16 9-24z" fill="var(--T)"/><path d="M33 14h14v8H33z" fill="var(--good-5)"/><path d="M24 62h32v24H24z" fill="var(--paper)"/><path d="M32 70h16M32 78h10"/>',
  tub: '<path d="M12 62h56l-6 42H18z" fill="var(--paper)"/><path d="M8 52h64v10H8z" fill="var(--T)"/><path d="M24 74h32v16H24z" fill="var(--T)"/>',
  bar: '<path d="M8 74h64v30H8z" fill="var(--T)"/><path d="M8 74l-4 4 4 4-4 4 4 4-4 4 4 4-4 4 4 2M72 74l4 4-4 4 4 4-4 4 4 4-4 4 4 4-4 2" fill="none"/><path d="M20 82h40v14H20z" fill="var(--paper)"/><path d="M27 89h26"/>',
  frozen: '<path d="M10 50h60v54H10z" fill="var(--good-4)"/><path d="M10 50l8-10h44l8 10z" fill="var(--paper)"/><path d="M40 62v32M26 70l28 16M54 70 26 86" stroke="var(--paper)" stroke-width="3"/>',
  slip: '<path d="M6 62h68v42H6z" fill="var(--paper)"/><path d="M6 62h68v12H6z" fill="var(--T)"/><path d="M52 62v42" stroke-dasharray="4 4"/><path d="M16 96 38 82M20 84v.01M34 94v.01" stroke-width="3"/>',
  crate: '<path d="M14 76c0-12 8-20 16-20 3 0 6 1 8 4 3-6 8-8 13-8 10 0 16 10 15 24z" fill="var(--T)"/><path d="M6 76h68v28H6z" fill="var(--good-5)"/><path d="M6 90h68M24 76v28M56 76v28"/>',
  tray: '<path d="M6 84h68l-6 20H12z" fill="var(--paper)"/><path d="M14 84c0-14 12-22 26-22s26 8 26 22z" fill="var(--good-2)"/><path d="M28 72c6 2 10 6 10 12M46 68c4 4 6 10 6 16"/>',
};

/** @type {Readonly<Record<string, string>>} */
const OF_GROUP = {
  bakery: "bread", card: "slip", coupon: "slip", dairy: "tub", deli: "tub", drinks: "bottle", fish: "fish", flowers: "flower", frozen: "frozen",
  household: "soap", meat: "tray", pantry: "jar", papers: "news", produce: "crate", sweets: "bar",
};
const TINTS = 6;

/** The drawing of an article, as SVG shapes. @param {{icon?: string, group: string, sku: string}} good */
export function drawing(good) {
  const own = good.icon && DRAWINGS[good.icon];
  const number = Number.parseInt(good.sku, 10) || 0;
  const kinds = good.group === "pantry" ? ["jar", "packet", "can"] : [OF_GROUP[good.group] ?? "packet"];
  const shapes = own || DRAWINGS[/** @type {string} */ (kinds[number % kinds.length])] || "";
  return shapes.replaceAll("var(--T)", `var(--good-${(number % TINTS) + 1})`);
}
