// Light or dark: what the system says, until somebody says otherwise. Runs before the page is drawn.
(() => {
  const root = document.documentElement;
  const keep = (value) => { try { localStorage.setItem("stockade-theme", value); } catch { /* private mode */ } };
  let chosen = null;
  try { chosen = localStorage.getItem("stockade-theme"); } catch { /* private mode */ }
  if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
  document.addEventListener("DOMContentLoaded", () => {
    document.getElementById("theme").addEventListener("click", () => {
      const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
      root.dataset.theme = dark ? "light" : "dark";
      keep(root.dataset.theme);
    });
  });
})();
