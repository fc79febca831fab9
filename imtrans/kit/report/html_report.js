"use strict";
(() => {
  const WIDE = 480, HIGH = 260, LEFT = 66, RIGHT = 26, TOP = 10, BOTTOM = 44;
  const source = document.getElementById("charts");
  const charts = source ? JSON.parse(source.textContent) : [];
  const state = { log: false, smooth: 0 };
  const short = (v) => {
    const a = Math.abs(v);
    if (v === 0) return "0";
    if (a >= 1e6) return (v / 1e6).toPrecision(3).replace(/\.?0+$/, "") + "M";
    if (a >= 1e4) return (v / 1e3).toPrecision(3).replace(/\.?0+$/, "") + "k";
    if (a < 1e-3) return v.toExponential(1);
    return String(Number(v.toPrecision(3)));
  };
  const plain = (text) => String(text).replace(/[&<>"]/g, (c) => "&#" + c.charCodeAt(0) + ";");
  const even = (low, high, count) => {
    const rough = (high - low) / count || 1, unit = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((m) => m * unit).find((s) => s >= rough * 0.999);
    const found = [];
    for (let v = Math.ceil(low / step - 1e-9) * step; v <= high + step * 1e-6; v += step) found.push(Math.abs(v) < step / 1e6 ? 0 : v);
    return found;
  };
  const powers = (low, high) => {
    const few = Math.log10(high / low) < 2.5, found = [];
    for (let p = Math.floor(Math.log10(low)); p <= Math.ceil(Math.log10(high)); p++)
      for (const m of few ? [1, 2, 5] : [1]) {
        const v = m * 10 ** p;
        if (v >= low * 0.999 && v <= high * 1.001) found.push(v);
      }
    return found.length > 1 ? found : even(low, high, 4).filter((v) => v > 0);
  };
  const smoothed = (points) => {
    let sum = 0, weight = 0;
    return points.map(([x, y]) => {
      sum = state.smooth * sum + (1 - state.smooth) * y;
      weight = state.smooth * weight + (1 - state.smooth);
      return [x, sum / weight];
    });
  };

  function draw(figure, chart) {
    const log = state.log && chart.log;
    const shown = chart.series.map((s) => ({ ...s, points: s.points.filter((p) => !log || p[1] > 0) }));
    const all = shown.flatMap((s) => s.points);
    if (!all.length) return;
    let [x0, x1] = [Math.min(...all.map((p) => p[0])), Math.max(...all.map((p) => p[0]))];
    let [y0, y1] = [Math.min(...all.map((p) => p[1])), Math.max(...all.map((p) => p[1]))];
    if (chart.low !== null && !log) y0 = Math.min(y0, chart.low);
    if (chart.high !== null && !log) y1 = Math.max(y1, chart.high);
    if (x1 === x0) { x0 -= 1; x1 += 1; }
    if (y1 === y0) { const d = Math.abs(y1) / 10 || 1; if (log) { y0 /= 1.5; y1 *= 1.5; } else { y0 -= d; y1 += d; } }
    const across = (x) => LEFT + ((x - x0) / (x1 - x0)) * (WIDE - LEFT - RIGHT);
    const part = (y) => (log ? Math.log(y / y0) / Math.log(y1 / y0) : (y - y0) / (y1 - y0));
    const up = (y) => HIGH - BOTTOM - part(y) * (HIGH - TOP - BOTTOM);
    const line = (points) => "M" + points.map((p) => across(p[0]).toFixed(1) + " " + up(p[1]).toFixed(1)).join("L");
    const path = (points, index, extra) =>
      points.length > 1
        ? `<path d="${line(points)}" fill="none" stroke="var(--c${index % 6})" stroke-width="1.6" stroke-linejoin="round" ${extra}/>`
        : points.map((p) => `<circle cx="${across(p[0])}" cy="${up(p[1])}" r="3" fill="var(--c${index % 6})" ${extra}/>`).join("");
    let svg = "";
    for (const v of log ? powers(y0, y1) : even(y0, y1, 4))
      svg += `<line class="grid" x1="${LEFT}" x2="${WIDE - RIGHT}" y1="${up(v)}" y2="${up(v)}"/><text x="${LEFT - 6}" y="${up(v) + 4}" text-anchor="end">${short(v)}</text>`;
    for (const v of even(x0, x1, 5).filter((v) => Number.isInteger(v)))
      svg += `<text x="${across(v)}" y="${HIGH - BOTTOM + 18}" text-anchor="middle">${short(v)}</text>`;
    svg += `<text x="${(LEFT + WIDE - RIGHT) / 2}" y="${HIGH - 5}" text-anchor="middle">${plain(chart.over)}</text>`;
    svg += `<text transform="translate(13 ${(TOP + HIGH - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">${plain(chart.axis)}${log ? " (log)" : ""}</text>`;
    shown.forEach((s, i) => {
      if (state.smooth && s.points.length > 2) svg += path(s.points, i, 'opacity=".25"') + path(smoothed(s.points), i, "");
      else svg += path(s.points, i, s.dashed ? 'stroke-dasharray="5 4"' : "");
    });
    svg += `<line class="cursor" y1="${TOP}" y2="${HIGH - BOTTOM}"/>`;
    const legend = shown.length > 1 ? shown.map((s, i) => `<span><i style="background:var(--c${i % 6})"></i>${plain(s.name)}</span>`).join("") : "";
    figure.innerHTML = `<b>${plain(chart.title)}</b><span class="legend">${legend}</span><svg viewBox="0 0 ${WIDE} ${HIGH}" role="img" aria-label="${plain(chart.title)} over ${plain(chart.over)}">${svg}</svg><div class="values"></div>`;
    const drawing = figure.querySelector("svg"), text = figure.querySelector(".values"), cursor = figure.querySelector(".cursor");
    const last = () => {
      text.textContent = shown.filter((s) => s.points.length).map((s) => {
        const p = s.points[s.points.length - 1];
        return (shown.length > 1 ? s.name + " " : "") + short(p[1]) + (shown.length > 1 ? "" : ` at ${chart.over} ` + p[0].toLocaleString("en"));
      }).join("  ·  ");
      cursor.style.visibility = "hidden";
    };
    drawing.onpointermove = (event) => {
      const box = drawing.getBoundingClientRect();
      const x = x0 + (((event.clientX - box.left) / box.width) * WIDE - LEFT) / (WIDE - LEFT - RIGHT) * (x1 - x0);
      const near = shown.filter((s) => s.points.length).map((s) => [s, s.points.reduce((a, b) => (Math.abs(b[0] - x) < Math.abs(a[0] - x) ? b : a))]);
      const at = near.reduce((a, b) => (Math.abs(b[1][0] - x) < Math.abs(a[1][0] - x) ? b : a))[1][0];
      text.textContent = chart.over + " " + at.toLocaleString("en") + ": " + near.map(([s, p]) => (shown.length > 1 ? s.name + " " : "") + short(p[1])).join("  ·  ");
      cursor.setAttribute("x1", across(at));
      cursor.setAttribute("x2", across(at));
      cursor.style.visibility = "visible";
    };
    drawing.onpointerleave = last;
    last();
  }

  const redraw = () => document.querySelectorAll("figure.chart").forEach((f) => draw(f, charts[Number(f.dataset.chart)]));
  redraw();
  const log = document.getElementById("log"), smooth = document.getElementById("smooth");
  if (log) log.onchange = () => { state.log = log.checked; redraw(); };
  if (smooth) smooth.oninput = () => { state.smooth = Number(smooth.value); redraw(); };

  // A slider is made when it is asked for: the page holds every picture once.
  const image = (pair, side) => pair.querySelector(`img[data-side="${side}"]`);
  const copy = (img, kind) => {
    const made = img.cloneNode();
    made.className = [kind, img.className].join(" ").trim();
    made.removeAttribute("data-side");
    return made;
  };
  const slide = (pair, beside) => {
    pair.querySelector(".slider")?.remove();
    const over = beside && image(pair, beside), under = image(pair, "prediction");
    pair.querySelectorAll(".still").forEach((still) => { still.hidden = Boolean(over); });
    if (!over) return;
    const slider = document.createElement("div"), input = document.createElement("input");
    slider.className = "slider";
    Object.assign(input, { type: "range", min: 0, max: 100, value: 50 });
    input.setAttribute("aria-label", `how much of the ${beside} is shown over the prediction`);
    input.oninput = () => slider.style.setProperty("--at", input.value + "%");
    slider.append(copy(under, ""), copy(over, "over"), input);
    slider.insertAdjacentHTML("beforeend", `<span class="tag left">${beside}</span><span class="tag right">prediction</span>`);
    pair.querySelector(".panels").append(slider);
  };
  document.querySelectorAll(".controls[role=radiogroup]").forEach((choice) => {
    choice.onchange = (event) => choice.parentElement.querySelectorAll(".pair").forEach((pair) => slide(pair, event.target.value));
  });

  const large = document.createElement("dialog");
  document.body.append(large);
  document.querySelectorAll(".pair").forEach((pair) => {
    pair.querySelectorAll(".still").forEach((still) => {
      still.onclick = () => {
        const panels = document.createElement("div"), close = document.createElement("form");
        panels.className = "panels";
        pair.querySelectorAll(".still img").forEach((img) => {
          const figure = document.createElement("figure"), caption = document.createElement("figcaption");
          caption.textContent = img.dataset.side;
          figure.append(copy(img, ""), caption);
          panels.append(figure);
        });
        close.method = "dialog";
        close.innerHTML = "<button autofocus>close</button>";
        large.replaceChildren(panels, pair.querySelector("figcaption").cloneNode(true), close);
        large.showModal();
      };
    });
  });
  large.onclick = (event) => { if (event.target === large) large.close(); };
})();
