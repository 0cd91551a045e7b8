// Runs bytecode.py in the Python that it compiles for: node bytecode.mjs PYODIDE WHEELS ROOT OUT
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [pyodide, wheels, root, out] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(`${pyodide}/pyodide.mjs`).href);
const python = await loadPyodide({ env: { PYTHONHASHSEED: "0", HOME: "/home" } });
for (const [name, folder] of Object.entries({ wheels, root, out })) python.mountNodeFS(`/${name}`, folder);
python.runPython(readFileSync(new URL("bytecode.py", import.meta.url), "utf-8"));
