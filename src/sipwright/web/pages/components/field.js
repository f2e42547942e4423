// One thing to type, choose or tick, with its label, a hint, and what is wrong with it.
export default {
  template: `
    <div class="field" :class="{ check: kind === 'check' }">
      <label v-if="kind !== 'check'" :for="own" :class="{ unseen: labelUnseen }">{{ label }}</label>
      <textarea v-if="kind === 'textarea'" class="control" v-bind="common" :rows="rows" :value="modelValue" @input="typed"></textarea>
      <select v-else-if="kind === 'select'" class="control" v-bind="common" @change="chosen">
        <option v-for="[value, text] in options" :key="value" :value="value" :selected="value === modelValue">{{ text }}</option>
      </select>
      <input v-else-if="kind === 'check'" type="checkbox" v-bind="common" :checked="modelValue" @change="ticked" />
      <input v-else class="control" :type="kind" v-bind="common" :value="modelValue" :list="options.length ? own + '-list' : null"
        @input="typed" @change="$emit('change', $event.target.value)" @keydown.enter="entered" />
      <datalist v-if="options.length && kind !== 'select'" :id="own + '-list'">
        <option v-for="[value, text] in options" :key="value" :value="value">{{ text }}</option>
      </datalist>
      <label v-if="kind === 'check'" :for="own">{{ label }}</label>
      <span v-if="hint" class="hint" :id="own + '-hint'">{{ hint }}</span>
      <span v-if="fault" class="fault" :id="own + '-fault'" role="alert">{{ fault }}</span>
    </div>`,
  props: {
    label: String, kind: { type: String, default: "text" }, modelValue: { default: "" }, hint: String, fault: String,
    options: { type: Array, default: () => [] }, rows: { type: Number, default: 5 }, labelUnseen: Boolean,
    placeholder: String, autocomplete: { type: String, default: "off" }, required: Boolean, disabled: Boolean, stored: String,
  },
  emits: ["update:modelValue", "change", "enter"],
  computed: {
    own() { return `${this.$attrs.id}-control`; },
    common() {
      const told = [this.hint && `${this.own}-hint`, this.fault && `${this.own}-fault`].filter(Boolean).join(" ");
      return {
        id: this.own, placeholder: this.placeholder, autocomplete: this.autocomplete, disabled: this.disabled,
        required: this.required, "aria-invalid": this.fault ? "true" : null, "aria-describedby": told || null,
        spellcheck: "false",
      };
    },
  },
  mounted() {
    if (this.stored) document.getElementById(this.own).value = localStorage.getItem(this.stored) ?? "";
  },
  methods: {
    chosen(event) { this.typed(event); this.$emit("change", event.target.value); },
    typed(event) { this.$emit("update:modelValue", event.target.value); },
    entered(event) { press(event, () => this.$emit("enter")); },
    ticked(event) { this.$emit("update:modelValue", event.target.checked); },
    focus() { document.getElementById(this.own)?.focus(); },
  },
};
