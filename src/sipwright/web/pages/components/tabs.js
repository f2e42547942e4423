// Tabs over panels that have the ids `panel-NAME`; the arrow keys go from one to the next (WAI-ARIA tabs).
export default {
  template: `
    <div class="tabs" role="tablist" :aria-label="label" @keydown="key">
      <button v-for="[name, text] in tabs" :key="name" type="button" role="tab" :id="'tab-' + name" :aria-selected="name === at ? 'true' : 'false'"
        :aria-controls="'panel-' + name" :tabindex="name === at ? 0 : -1" @click="go(name)">{{ text }}</button>
    </div>`,
  props: { label: String, tabs: Array, first: String },
  emits: ["go"],
  data() { return { at: this.first }; },
  mounted() { this.show(); },
  updated() { this.show(); },
  methods: {
    show() {
      for (const [name] of this.tabs) {
        const panel = document.getElementById(`panel-${name}`);
        if (panel) panel.hidden = name !== this.at;
      }
    },
    go(name) { this.at = name; this.show(); this.$emit("go", name); },
    key(event) {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const names = this.tabs.map(([name]) => name);
      this.go(names[(names.indexOf(this.at) + step + names.length) % names.length]);
      this.$nextTick(() => document.getElementById(`tab-${this.at}`)?.focus());
    },
  },
};
