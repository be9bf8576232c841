// Bar codes as they are printed: widths of bars and gaps by turns, beginning with a bar.

const EAN_ODD = ["3211", "2221", "2122", "1411", "1132", "1231", "1114", "1312", "1213", "3112"];
const EAN_PARITY = ["LLLLLL", "LLGLGG", "LLGGLG", "LLGGGL", "LGLLGG", "LGGLLG", "LGGGLL", "LGLGLG", "LGLGGL", "LGGLGL"];
const ITF = ["11331", "31113", "13113", "33111", "11313", "31311", "13311", "11133", "31131", "13131"];
const CODE_128 = (
  "212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312 231212 112232 122132 122231 113222 " +
  "123122 123221 223211 221132 221231 213212 223112 312131 311222 321122 321221 312212 322112 322211 212123 212321 " +
  "232121 111323 131123 131321 112313 132113 132311 211313 231113 231311 112133 112331 132131 113123 113321 133121 " +
  "313121 211331 231131 213113 213311 213131 311123 311321 331121 312113 312311 332111 314111 221411 431111 111224 " +
  "111422 121124 121421 141122 141221 112214 112412 122114 122411 142112 142211 241211 221114 413111 241112 134111 " +
  "111242 121142 121241 114212 124112 124211 411212 421112 421211 212141 214121 412121 111143 111341 131141 114113 " +
  "114311 411113 411311 113141 114131 311141 411131 211412 211214 211232"
).split(" ");
const START_B = 104;
const STOP = "2331112";

/** @param {string} widths */
const backwards = (widths) => [...widths].reverse().join("");

/** The widths of an EAN-8 or EAN-13 (12 digits are a UPC-A, 14 an ITF-14); "" for anything else. @param {string} code */
export function goodsBars(code) {
  if (!/^\d+$/.test(code)) return "";
  if (code.length === 8) return ean(code.slice(0, 4), "LLLL", code.slice(4));
  if (code.length === 12) return goodsBars(`0${code}`);
  if (code.length === 13) return ean(code.slice(1, 7), EAN_PARITY[Number(code[0])] ?? "", code.slice(7));
  return code.length === 14 ? itf(code) : "";
}

/** @param {string} left @param {string} parity @param {string} right */
function ean(left, parity, right) {
  const near = [...left].map((digit, at) => {
    const odd = EAN_ODD[Number(digit)] ?? "";
    return parity[at] === "G" ? backwards(odd) : odd;
  });
  const far = [...right].map((digit) => EAN_ODD[Number(digit)] ?? "");
  return `111${near.join("")}11111${far.join("")}111`;
}

/** @param {string} digits */
function itf(digits) {
  let widths = "1111";
  for (let at = 0; at < digits.length; at += 2) {
    const bars = ITF[Number(digits[at])] ?? "";
    const gaps = ITF[Number(digits[at + 1])] ?? "";
    for (let each = 0; each < bars.length; each += 1) widths += `${bars[each]}${gaps[each]}`;
  }
  return `${widths}311`;
}

/** The widths of a Code 128 (set B); "" when the text has signs that set B has not. @param {string} text */
export function code128Bars(text) {
  if (!/^[ -~]+$/.test(text)) return "";
  const values = [...text].map((sign) => sign.charCodeAt(0) - 32);
  const sum = values.reduce((total, value, at) => total + value * (at + 1), START_B);
  return [START_B, ...values, sum % 103].map((value) => CODE_128[value]).join("") + STOP;
}

/** Bars as an SVG path of height `high`, and how wide it is. @param {string} widths @param {number} high */
export function barsPath(widths, high) {
  let x = 0;
  let path = "";
  [...widths].forEach((width, at) => {
    if (at % 2 === 0) path += `M${x} 0h${width}v${high}h-${width}z`;
    x += Number(width);
  });
  return { path, width: x };
}
