// Runs before the first paint: a page that was dark or right-to-left never flashes the other way.
(() => {
  const root = document.documentElement;
  const kept = (/** @type {string} */ name) => {
    try {
      return localStorage.getItem(`tillbox.${name}`);
    } catch {
      return null; // storage switched off: the device's own choice stands
    }
  };
  const theme = kept("theme");
  if (theme === "light" || theme === "dark") root.dataset["theme"] = theme;
  const language = kept("language");
  // the first amount that a browser writes takes it 20 ms: here, while the scripts are on their way
  new Intl.NumberFormat("en", { style: "currency", currency: "EUR" }).format(0);
  if (language === null) return;
  root.lang = language === "zh" ? "zh-Hans" : language;
  root.dir = language === "ar" ? "rtl" : "ltr";
})();
