// A dialog of the browser's own: it keeps the focus inside, and Escape closes it.
export default {
  template: `
    <dialog ref="dialog" class="modal" :class="{ wide }" :aria-labelledby="$attrs.id + '-title'" @close="$emit('closed')" @keydown="key">
      <div class="inside"><h2 :id="$attrs.id + '-title'">{{ title }}</h2><slot></slot></div>
    </dialog>`,
  props: { title: String, wide: Boolean },
  emits: ["closed", "save"],
  methods: {
    key(event) {
      if ((event.ctrlKey || event.metaKey) && event.key === "s") { event.preventDefault(); this.$emit("save"); }
    },
    open() {
      if (!this.$refs.dialog.open) this.$refs.dialog.showModal();
      const first = this.$refs.dialog.querySelector("[autofocus], .control");
      first?.focus();
    },
    close() { this.$refs.dialog.close(); },
  },
};
