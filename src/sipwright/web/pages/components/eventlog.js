// Events as they come, the newest below; it stays where one reads, and follows when one is at the end.
const MOST = 2000;
export default {
  template: `
    <div>
      <div v-if="!all.length" class="empty"><slot></slot></div>
      <div v-show="all.length" class="log" ref="log" tabindex="0" role="log" :aria-label="label" aria-live="off" @scroll="scrolled"><ol>
        <li v-for="one in shown" :key="one.id" :class="one.look" data-testid="event"><span class="at" :title="one.date">{{ one.at }}</span><span class="kind">{{ one.type }}</span><span class="user">{{ one.user }}</span><span class="what"><a v-if="one.call" :href="prefix + '/calls/' + encodeURIComponent(one.call)">{{ one.call.slice(0, 8) }}</a> <template v-for="(part, n) in parts(one.text)" :key="n"><mark v-if="n % 2">{{ part }}</mark><template v-else>{{ part }}</template></template></span></li>
      </ol></div>
      
    </div>`,
  props: { label: String, prefix: { type: String, default: "" }, search: { type: String, default: "" }, paused: Boolean },
  data() { return { all: [], held: [], follows: true }; },
  computed: {
    shown() {
      const wanted = this.search.trim().toLowerCase();
      return wanted ? this.all.filter((one) => `${one.type} ${one.user} ${one.call} ${one.text}`.toLowerCase().includes(wanted)) : this.all;
    },
  },
  watch: { paused(now) { if (!now) { this.take(this.held); this.held = []; } } },
  methods: {
    append(events) {
      if (this.paused) { this.held.push(...events); this.held.splice(0, Math.max(0, this.held.length - MOST)); return; }
      this.take(events);
    },
    take(events) {
      this.all.push(...events.map(Object.freeze));
      if (this.all.length > MOST) this.all.splice(0, this.all.length - MOST);
      if (this.follows) this.$nextTick(() => { const log = this.$refs.log; if (log) log.scrollTop = log.scrollHeight; });
    },
    clear() { this.all = []; this.held = []; },
    scrolled() { const log = this.$refs.log; this.follows = log.scrollHeight - log.scrollTop - log.clientHeight < 40; },
    parts(text) {
      const wanted = this.search.trim();
      if (!wanted) return [text];
      return text.split(new RegExp(`(${wanted.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")})`, "i"));
    },
  },
};
