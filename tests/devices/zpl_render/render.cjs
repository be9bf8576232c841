// Draws ZPL labels: takes a JSON list of [zpl, width_mm, height_mm, dots_per_mm] on standard input, answers with a
// JSON list of PNG pictures in base64.
const fs = require("node:fs");
const { ready } = require("zpl-renderer-js");

(async () => {
  const { api } = await ready;
  const pictures = [];
  for (const [zpl, widthMm, heightMm, dotsPerMm] of JSON.parse(fs.readFileSync(0, "utf8"))) {
    pictures.push(await api.zplToBase64Async(zpl, widthMm, heightMm, dotsPerMm));
  }
  process.stdout.write(JSON.stringify(pictures), () => process.exit(0));
})();
