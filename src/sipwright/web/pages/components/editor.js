// An editor for dialplans: our names are completed, and what is wrong stands at its line while one types.
import * as CM from "nicegui-codemirror";

const setProblems = CM.StateEffect.define();

class Told extends CM.WidgetType {
  constructor(text) { super(); this.text = text; }
  eq(other) { return other.text === this.text; }
  toDOM() {
    const told = document.createElement("div");
    told.className = "cm-told";
    told.textContent = this.text;
    return told;
  }
}

class Sign extends CM.GutterMarker {
  constructor(text) { super(); this.text = text; }
  eq(other) { return other.text === this.text; }
  toDOM() {
    const sign = document.createElement("span");
    sign.className = "cm-sign";
    sign.textContent = "!";
    sign.title = this.text;
    return sign;
  }
}

const marks = CM.StateField.define({
  create: () => CM.Decoration.none,
  update(set, transaction) {
    set = set.map(transaction.changes);
    for (const effect of transaction.effects) if (effect.is(setProblems)) set = drawn(effect.value, transaction.state.doc);
    return set;
  },
  provide: (field) => CM.EditorView.decorations.from(field),
});

const signs = CM.StateField.define({
  create: () => CM.RangeSet.empty,
  update(set, transaction) {
    set = set.map(transaction.changes);
    for (const effect of transaction.effects) {
      if (!effect.is(setProblems)) continue;
      const lines = new Map();
      for (const one of effect.value) lines.set(lineOf(one, transaction.state.doc).from, one.message);
      set = CM.RangeSet.of([...lines].sort((a, b) => a[0] - b[0]).map(([from, text]) => new Sign(text).range(from)));
    }
    return set;
  },
});

const lineOf = (problem, doc) => doc.line(Math.min(Math.max(problem.line, 1), doc.lines));

function drawn(problems, doc) {
  const found = [];
  for (const one of problems) {
    const line = lineOf(one, doc);
    found.push(CM.Decoration.line({ class: "cm-wrong-line" }).range(line.from));
    const from = Math.min(line.from + Math.max(one.column - 1, 0), line.to);
    const word = /^[\w.]+|^\S/.exec(doc.sliceString(from, line.to))?.[0].length ?? 0;
    if (word) found.push(CM.Decoration.mark({ class: "cm-wrong" }).range(from, from + word));
    found.push(CM.Decoration.widget({ widget: new Told(one.message), block: true, side: 1 }).range(line.to));
  }
  return CM.Decoration.set(found, true);
}


const COLOURS = [
  [/comment|meta/, "quiet"], [/keyword|operatorKeyword/, "code-word"], [/string|deleted|regexp|escape/, "code-text"],
  [/atom|bool|literal|number|inserted/, "code-number"], [/variableName|className|typeName|macroName|propertyName/, "code-name"],
];

// The tags of the default style, in our colours: the bundle has no other way to name them.
const colours = CM.HighlightStyle.define(CM.defaultHighlightStyle.specs.flatMap((spec) => {
  const name = String(Array.isArray(spec.tag) ? spec.tag[0] : spec.tag);
  const found = COLOURS.find(([names]) => names.test(name));
  return found ? [{ tag: spec.tag, color: `var(--${found[1]})` }] : [];
}));

export default {
  template: `<div class="editor" data-testid="editor"></div>`,
  // What is typed is kept in this tab under `place`, with the version that it began from, until it is live.
  props: { value: String, label: String, names: Array, members: Object, readonly: Boolean, place: String, version: String },
  emits: ["change", "save", "restore"],
  async mounted() {
    const python = await CM.languages.find((one) => one.name === "Python").load();
    if (!this.$el.isConnected) return;
    const complete = (context) => this.complete(context);
    this.view = new CM.EditorView({
      parent: this.$el,
      doc: this.value,
      extensions: [
        CM.Prec.highest(CM.keymap.of([{ key: "Mod-s", preventDefault: true, run: () => { this.save(); return true; } }])),
        CM.basicSetup,
        CM.keymap.of([CM.indentWithTab]),
        python,
        CM.syntaxHighlighting(colours),
        CM.EditorState.languageData.of(() => [{ autocomplete: complete }]),
        CM.indentUnit.of("    "),
        CM.EditorState.readOnly.of(this.readonly ?? false),
        CM.EditorView.contentAttributes.of({ "aria-label": this.label, spellcheck: "false" }),
        marks,
        signs,
        CM.gutter({ class: "cm-signs", markers: (view) => view.state.field(signs), initialSpacer: () => new Sign("") }),
        CM.EditorView.updateListener.of((update) => { if (update.docChanged && !this.quiet) this.typed(); }),
      ],
    });
    this.view.scrollDOM.tabIndex = 0;
    if (this.waiting) this.problems(this.waiting);
    this.began = this.version;
    this.restore();
  },
  beforeUnmount() { clearTimeout(this.later); this.view?.destroy(); },
  methods: {
    text() { return this.view.state.doc.toString(); },
    typed() {
      this.keep();
      clearTimeout(this.later);
      this.later = setTimeout(() => this.$emit("change", this.text()), 250);
    },
    keep() {
      try { sessionStorage.setItem(this.place, JSON.stringify({ text: this.text(), began: this.began })); } catch {}
    },
    restore() {
      let kept = null;
      try { kept = JSON.parse(sessionStorage.getItem(this.place)); } catch {}
      if (!kept || kept.text === this.value) return;
      this.began = kept.began;
      this.put(kept.text);
      this.$emit("restore", kept);
    },
    // What is in the editor is live, as this version.
    settle(version) {
      this.began = version;
      try { sessionStorage.removeItem(this.place); } catch {}
    },
    save() { clearTimeout(this.later); this.$emit("save", this.text()); },
    problems(found) {
      if (!this.view) { this.waiting = found; return; }
      this.view.dispatch({ effects: setProblems.of(found) });
    },
    // Put another text there, of another version say; what was typed can be had back by undoing.
    put(text) {
      this.quiet = true;
      this.view.dispatch({ changes: { from: 0, to: this.view.state.doc.length, insert: text } });
      this.quiet = false;
      this.keep();
    },
    go(line, column) {
      const at = this.view.state.doc.line(Math.min(Math.max(line, 1), this.view.state.doc.lines));
      this.view.dispatch({ selection: { anchor: Math.min(at.from + column - 1, at.to) }, scrollIntoView: true });
      this.view.focus();
    },
    // The library completes its own names in imports, too: ours come before them.
    ahead(options) { return options?.map((one) => ({ ...one, boost: 99 })); },
    complete(context) {
      const member = context.matchBefore(/\b(\w+)\.\w*$/);
      if (member) {
        const [owner] = member.text.split(".");
        const options = this.ahead(this.members[owner]);
        return options ? { from: member.from + owner.length + 1, options, validFor: /^\w*$/ } : null;
      }
      // What can be imported of a dialplan, also behind a comma: from plans.common import groups, ...
      const wanted = context.matchBefore(/\bfrom\s+plans\.(\w+)\s+import\s+[\w\s,()]*$/);
      if (wanted) {
        const options = this.ahead(this.members[/plans\.(\w+)/.exec(wanted.text)[1]]);
        return options ? { from: context.pos - /\w*$/.exec(wanted.text)[0].length, options, validFor: /^\w*$/ } : null;
      }
      const word = context.matchBefore(/\w+$/);
      if (!word && !context.explicit) return null;
      return { from: word ? word.from : context.pos, options: this.names, validFor: /^\w*$/ };
    },
  },
};
