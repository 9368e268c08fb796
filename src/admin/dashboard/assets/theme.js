// Light or dark, as the viewer chose last, before anything is painted; as the system says where none was chosen.
(() => {
  const chosen = localStorage.getItem("larder-theme");
  if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
})();
