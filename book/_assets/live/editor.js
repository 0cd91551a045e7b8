// An editor in the place of a cell's code.
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { python } from "@codemirror/lang-python";
import { bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { EditorState, Prec } from "@codemirror/state";
import { EditorView, highlightSpecialChars, keymap } from "@codemirror/view";
import { classHighlighter } from "@lezer/highlight";

export const edit = (place, { text, label, run, leave, changed }) => new EditorView({
  parent: place,
  state: EditorState.create({
    doc: text,
    extensions: [
      Prec.highest(keymap.of([
        { key: "Shift-Enter", run: () => { run(); return true; } },
        { key: "Escape", run: () => { leave(); return true; } },
      ])),
      keymap.of([...defaultKeymap, ...historyKeymap]),
      history(), python(), bracketMatching(), indentOnInput(), indentUnit.of("    "),
      highlightSpecialChars(), syntaxHighlighting(classHighlighter),
      EditorView.contentAttributes.of({ "aria-label": label, spellcheck: "false" }),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) changed(update.state.doc.toString());
      }),
    ],
  }),
});
