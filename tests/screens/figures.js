// Watches a page: largest paint, layout shifts with what moved, slowest interaction, view heard to view drawn.
() => {
  const seen = { lcp: 0, cls: 0, inp: 0, drawn: [], shifts: [] };
  const watch = (type, take, more = {}) =>
    new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({ type, buffered: true, ...more });
  watch("largest-contentful-paint", (entry) => (seen.lcp = entry.startTime));
  watch("layout-shift", (entry) => {
    if (entry.hadRecentInput) return;
    seen.cls += entry.value;
    if (entry.value <= 0.001) return;
    const box = ({ x, y, width, height }) => [x, y, width, height].map(Math.round).join(" ");
    const source = ({ node, previousRect, currentRect }) => `${node?.nodeName ?? "gone"}.${node?.className ?? ""}: ${box(previousRect)} -> ${box(currentRect)}`;
    seen.shifts.push({ value: entry.value, at: entry.startTime, sources: entry.sources.map(source) });
  });
  watch("event", (entry) => (seen.inp = Math.max(seen.inp, entry.duration)), { durationThreshold: 16 });
  let heard = 0;
  watch("mark", (entry) => {
    if (entry.name === "view-heard") heard = entry.startTime;
    else if (heard) {
      seen.drawn.push(entry.startTime - heard);
      heard = 0;
    }
  });
  window.figures = {
    now: () => {
      const drawn = [...seen.drawn].sort((a, b) => a - b);
      return { lcp: seen.lcp, inp: seen.inp, cls: seen.cls, view_to_dom_ms_p95: drawn[Math.floor(drawn.length * 0.95)] ?? 0, views: drawn.length, shifts: seen.shifts };
    },
  };
}
