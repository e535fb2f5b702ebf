// Keeps the page up to date and adds a few keys. Everything works without it.
"use strict";

(() => {
  const byName = (attribute) => {
    const map = new Map();
    for (const e of document.querySelectorAll(`[${attribute}]`)) {
      const name = e.getAttribute(attribute);
      map.set(name, [...(map.get(name) || []), e]);
    }
    return map;
  };

  const watchFlow = () => {
    const flow = document.querySelector("[data-layout]");
    if (!flow || !window.EventSource) return;
    const texts = byName("data-text"), states = byName("data-state-of"), charts = byName("data-points"), lists = byName("data-lines");
    const live = document.querySelector(".live"), clock = document.querySelector("[data-clock]");
    const announce = document.getElementById("announce");
    let said = document.querySelector('[data-text="headline"]').textContent;

    const put = (map, values, set) => {
      for (const [name, value] of Object.entries(values || {})) for (const e of map.get(name) || []) set(e, value);
    };
    const show = (view) => {
      if (view.layout !== flow.dataset.layout) {
        // Parts came or went. Not while somebody is filling in a form.
        if (!document.querySelector("details[open]")) location.reload();
        return;
      }
      put(texts, view.text, (e, v) => {
        if (e.textContent !== v) e.textContent = v;
        if (e.classList.contains("note")) e.hidden = v === "";
      });
      put(states, view.state, (e, v) => { if (e.dataset.state !== v) e.dataset.state = v; });
      put(charts, view.points, (e, v) => e.setAttribute("points", v));
      put(lists, view.text, (e, v) => {
        if (e.dataset.shown === v) return;
        e.dataset.shown = v;
        e.hidden = v === "";
        e.replaceChildren(...v.split("\n").map((line) => {
          const li = document.createElement("li");
          li.textContent = line;
          return li;
        }));
      });
      if (view.text.headline !== said) announce.textContent = said = view.text.headline;
      const now = new Date();
      clock.textContent = now.toISOString().slice(11, 19);
    };

    const stream = new EventSource("/api/stream?view=page");
    stream.addEventListener("view", (e) => {
      live.hidden = false;
      document.body.classList.remove("stale");
      show(JSON.parse(e.data));
    });
    stream.addEventListener("error", () => {
      live.hidden = true;
      document.body.classList.add("stale");
    });
    window.addEventListener("pagehide", () => stream.close());
  };

  // "/" goes to the search field; j and k go through what was found, or to the
  // event after and before.
  const keys = () => {
    const rows = [...document.querySelectorAll("#results .when a")];
    document.addEventListener("keydown", (e) => {
      if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input, select, textarea")) return;
      const marked = document.querySelector(`[data-key="${CSS.escape(e.key)}"]`);
      if (e.key === "/" && marked) {
        // Its own character must not land in the field: that has the focus when the key is up.
        document.addEventListener("keyup", () => marked.focus(), { once: true });
      } else if ((e.key === "j" || e.key === "k") && rows.length > 0) {
        const at = rows.indexOf(document.activeElement);
        rows[Math.max(0, Math.min(rows.length - 1, at + (e.key === "j" ? 1 : -1)))].focus();
      } else if (marked) {
        marked.click();
      } else {
        return;
      }
      e.preventDefault();
    });
  };

  watchFlow();
  keys();
})();
