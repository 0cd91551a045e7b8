// The manager fetches its icons from here; without this it asks a foreign host.
window.__jupyter_widgets_assets_path__ =
  document.documentElement.dataset.content_root + "_static/html-manager/";
