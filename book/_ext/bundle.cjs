// Make one style sheet and one script of many: read from standard input, as JSON,
//   {theirCss, ownCss, js: [paths], pages: [paths], css, script: path to write,
//    search: its module, searchOut: path to write}
// Rules of others' style sheets that match nothing on any page are left out, and so are their icon
// fonts: the book's style sheet draws the few icons.
const fs = require("fs");
const esbuild = require("esbuild");
const { PurgeCSS } = require("purgecss");

const ICON_FONT = [/^fa$/, /^fas$/, /^far$/, /^fab$/, /^fa-/, /^:host$/];

// The theme measures every block of code and output while a page opens, which makes the browser lay
// out all of it. scrollers.js gives what scrolls its tab stop when it comes into view.
const MEASURING = /document\.querySelectorAll\(\["pre",[^\]]*\]\.join\(", "\)\)\.forEach\(e=>\{e\.tabIndex=[^}]*\}\)/;
function withoutMeasuring(scripts) {
  if (!MEASURING.test(scripts)) throw new Error("the theme's script gives tab stops in another way now");
  return scripts.replace(MEASURING, "0");
}

async function main() {
  const job = JSON.parse(fs.readFileSync(0, "utf8"));
  const read = (path) => fs.readFileSync(path, "utf8");
  // Temml's rules for the font that we serve ourselves.
  const formulas = read(require.resolve("temml/dist/Temml-STIX2.css"))
    .replace(/@font-face \{[^}]*\}/, "");
  const imports = job.theirCss.map((path) => `@import ${JSON.stringify(path)};`).join("\n");
  const theirs = esbuild.buildSync({
    stdin: { contents: imports, loader: "css", resolveDir: "/" },
    bundle: true, write: false, outdir: "/", logLevel: "error",
    loader: { ".svg": "dataurl", ".png": "dataurl", ".woff2": "file", ".ttf": "file" },
  }).outputFiles.find((file) => file.path.endsWith(".css")).text;
  const [used] = await new PurgeCSS().purge({
    content: [...job.pages, ...job.js], css: [{ raw: theirs + formulas }], blocklist: ICON_FONT,
    fontFace: true, keyframes: true, safelist: { greedy: [/data-theme/] },
  });
  const css = [used.css, ...job.ownCss.map(read)].join("\n");
  const smaller = { minify: true, logLevel: "error" };
  fs.writeFileSync(job.css, esbuild.transformSync(css, { loader: "css", ...smaller }).code);
  const scripts = withoutMeasuring(job.js.map((path) => `${read(path)}\n;`).join("\n"));
  esbuild.buildSync({
    entryPoints: [job.search], outfile: job.searchOut, bundle: true, format: "esm",
    nodePaths: [process.env.NODE_PATH], ...smaller,
  });
  fs.writeFileSync(job.script, esbuild.transformSync(scripts, { loader: "js", ...smaller }).code);
}
main();
