// Runs the `main` of a program in the Python that it compiles for: node bytecode.mjs PYODIDE PROGRAM NAME FOLDER ...
// Each folder is mounted under its name.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [pyodide, program, ...folders] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(`${pyodide}/pyodide.mjs`).href);
const python = await loadPyodide({ env: { PYTHONHASHSEED: "0", HOME: "/home" } });
while (folders.length) python.mountNodeFS(`/${folders.shift()}`, folders.shift());
python.runPython(readFileSync(program, "utf-8"));
await python.globals.get("main")();
