// What has just been done, said for a few seconds; and whether the switch can be reached. While a dialog is open all
// the rest of the page lies behind a veil, where nobody reads and no screen reader looks: then it is said in there.
export default {
  template: `
    <div class="toast-room"><Teleport :to="dialog" :disabled="!dialog">
      <div class="toasts"><div role="status" aria-live="polite" v-show="said.length" style="display: contents">
        <div v-for="one in said" :key="one.id" :class="{ bad: one.bad }">{{ one.text }}</div></div></div>
      <div v-if="lost" class="away" role="status">The connection is lost. This page comes back by itself.</div>
    </Teleport></div>`,
  data() { return { said: [], lost: false, next: 0, dialog: null }; },
  watch: { lost() { this.settle(); } },
  mounted() {
    for (const name of ["toggle", "close"]) document.addEventListener(name, () => this.settle(), true);
    const hook = () => {
      if (!window.socket) return setTimeout(hook, 50);
      window.socket.on("disconnect", () => { this.lost = true; });
      window.socket.on("connect", () => { this.lost = false; });
    };
    hook();
    window.addEventListener("offline", () => { this.lost = true; });
    window.addEventListener("online", () => { if (window.socket?.connected) this.lost = false; });
  },
  methods: {
    settle() { this.dialog = [...document.querySelectorAll("dialog[open]")].pop() ?? null; },
    say(text, bad) {
      this.settle();
      const id = this.next++;
      this.said.push({ id, text, bad });
      if (this.said.length > 4) this.said.shift();
      setTimeout(() => { this.said = this.said.filter((one) => one.id !== id); }, bad ? 9000 : 5000);
    },
  },
};
