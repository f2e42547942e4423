// Calls as they are, a row each, and phones to drop them on. Only what has changed is sent, and only those rows are drawn.
const State = { ringing: "busy", talking: "good", held: "held", ended: "bad" };

const CallRow = {
  props: ["call"],
  emits: ["wish", "drag"],
  computed: {
    look() { return State[this.call.kind] ?? ""; },
  },
  template: `
    <li class="call" data-testid="call" :data-call="call.id" draggable="true" @dragstart="start" @dragend="end">
      <span class="state"><span class="pill" :class="look" data-testid="state">{{ call.state }}</span></span>
      <span class="parties" :id="'who-' + call.id"><b data-testid="caller">{{ call.caller }}</b> <span class="to" aria-hidden="true">&rarr;</span><span class="unseen"> to </span> <b data-testid="callee">{{ call.callee }}</b>
        <span class="by"><br><span v-if="call.provider">by <span data-testid="provider">{{ call.provider }}</span></span><span v-if="call.provider && call.user"> &middot; </span><span v-if="call.user">{{ call.user }}</span></span></span>
      <span class="timer" data-testid="timer" :data-since="call.since">{{ call.shown }}</span>
      <span class="below">
      <span class="script" data-testid="script"><template v-if="call.text"><code :title="call.text">{{ call.text }}</code><span class="quiet">line {{ call.line }} of {{ call.dialplan }}</span></template>
        <span v-else-if="call.dialplan" class="quiet">dialplan {{ call.dialplan }}</span><span v-else class="quiet">no dialplan</span></span>
      <span class="actions">
        <button type="button" class="button small danger" :aria-describedby="'who-' + call.id" :disabled="call.ending" @click="$event.detail > 1 || $emit('wish', 'hangup', call.id)">Hang up</button>
        <button type="button" class="button small" :aria-describedby="'who-' + call.id" @click="$emit('wish', 'transfer', call.id)">Transfer</button>
        <button type="button" class="button small" :aria-describedby="'who-' + call.id" @click="$emit('wish', 'trace', call.id)">Trace</button>
      </span>
      </span>
    </li>`,
  methods: {
    start(event) {
      event.dataTransfer.setData("text/plain", this.call.id);
      event.dataTransfer.effectAllowed = "move";
      this.$el.classList.add("dragged");
      this.$emit("drag", this.call.id);
    },
    end() { this.$el.classList.remove("dragged"); this.$emit("drag", null); },
  },
};

const span = (seconds) => {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (n) => String(n).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  return hours ? `${hours}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}` : `${Math.floor(whole / 60)}:${two(whole % 60)}`;
};

export default {
  components: { CallRow },
  template: `
    <div class="split board" :class="{ dragging }">
      <section class="card flush" aria-labelledby="calls-title">
        <div class="card-head">
          <h2 id="calls-title">Live calls</h2>
          <div class="counts" role="status"><div><b data-testid="count">{{ order.length }}</b><span>{{ order.length === 1 ? "call" : "calls" }}</span></div><div v-for="[kind, n] in kinds" :key="kind"><b>{{ n }}</b><span>{{ kind }}</span></div></div>
          <div class="field" style="flex: 1 1 12rem; max-width: 18rem"><label class="unseen" :for="$attrs.id + '-find'">Find a call</label><input class="control" type="search" :id="$attrs.id + '-find'" v-model="find" placeholder="Find a call" autocomplete="off"></div>
        </div>
        <ul v-if="shown.length" class="calls-list" aria-label="Live calls"><call-row v-for="id in shown" :key="id" :call="all[id]" @wish="wish" @drag="drag"></call-row></ul>
        <div v-else-if="order.length" class="empty"><h3>No call fits &ldquo;{{ find }}&rdquo;</h3><p>{{ order.length }} calls go on. Find looks at callers, callees, providers, users and dialplans.</p></div>
        <div v-else class="empty"><slot name="empty"></slot></div>
        <div v-if="more" class="pager"><span class="quiet">The newest {{ order.length }} calls are shown; find narrows them.</span></div>
      </section>
      <section class="card flush" aria-labelledby="phones-title">
        <div class="card-head"><h2 id="phones-title">Phones</h2><span class="quiet small">{{ phoneCount }}</span>
          <div v-if="phones.length || findPhone" class="field" style="flex: 1 1 100%"><label class="unseen" :for="$attrs.id + '-phones'">Find a phone</label><input class="control" type="search" :id="$attrs.id + '-phones'" v-model="findPhone" @input="$emit('phones', findPhone)" placeholder="Find a phone" autocomplete="off"></div></div>
        <ul v-if="phones.length" class="phones-list" aria-label="Phones" tabindex="0">
          <li v-for="phone in phones" :key="phone.id" class="phone" data-testid="phone" :data-account="phone.account" :class="{ target: over === phone.id }"
            @dragover.prevent="over = phone.id" @dragleave="over === phone.id && (over = null)" @drop.prevent="drop($event, phone)">
            <span class="row middle" style="justify-content: space-between; gap: 0.5rem"><b>{{ phone.account }}</b><span class="pill" :class="phone.registered ? 'good' : ''" data-testid="registration">{{ phone.registered ? "registered" : "not registered" }}</span></span>
            <span class="what" v-if="phone.registered"><span data-testid="nat">{{ phone.nat }}</span> &middot; {{ phone.transport }} {{ phone.source }}</span>
            <span class="what" v-if="phone.agent">{{ phone.agent }}</span>
          </li>
        </ul>
        <div v-else class="empty"><slot name="phones"></slot></div>
      </section>
    </div>`,
  props: { calls: Array, phones: Array, phoneCount: String, more: Boolean, now: Number },
  emits: ["wish", "phones"],
  data() { return { order: [], find: "", findPhone: "", dragging: false, over: null, all: {}, ahead: 0, drawn: 60 }; },
  created() {
    this.ahead = this.now - Date.now() / 1000;
    this.take(this.calls);
  },
  mounted() {
    setTimeout(() => { this.drawn = Infinity; }, 150); // the first ones are seen at once, the rest is drawn below them
    this.tick(); 
    this.ticking = setInterval(() => this.tick(), 1000);
  },
  beforeUnmount() { clearInterval(this.ticking); },
  computed: {
    kinds() {
      const found = {};
      for (const id of this.order) found[this.all[id].kind] = (found[this.all[id].kind] ?? 0) + 1;
      return Object.entries(found).filter(([kind]) => kind !== "ended").sort();
    },
    shown() {
      const wanted = this.find.trim().toLowerCase();
      if (!wanted) return this.drawn < this.order.length ? this.order.slice(0, this.drawn) : this.order;
      return this.order.filter((id) => {
        const c = this.all[id];
        return [c.caller, c.callee, c.provider, c.user, c.dialplan, c.state].some((text) => text?.toLowerCase().includes(wanted));
      });
    },
  },
  methods: {
    // Replace everything: the first time, and after a pause in which something may have been missed.
    reset(calls, now) { this.ahead = now - Date.now() / 1000; this.all = {}; this.order = []; this.take(calls); },
    take(calls) {
      const all = {};
      for (const call of calls) all[call.id] = Object.freeze({ ...call, shown: this.since(call.since) });
      this.all = all;
      this.order = calls.map((call) => call.id);
    },
    // Take over what has changed: rows by id, null for those that are gone.
    apply(changes, now) {
      // What comes late makes the clock there look slow: the least late of all is the best to go by.
      this.ahead = Math.max(this.ahead, now - Date.now() / 1000);
      const gone = new Set();
      const fresh = [];
      for (const [id, call] of Object.entries(changes)) {
        if (call === null) { gone.add(id); delete this.all[id]; continue; }
        if (!(id in this.all)) fresh.push(call);
        this.all[id] = Object.freeze({ ...call, shown: this.since(call.since) });
      }
      if (gone.size || fresh.length) {
        fresh.sort((a, b) => b.started - a.started);
        this.order = [...fresh.map((call) => call.id), ...this.order.filter((id) => !gone.has(id))];
      }
    },
    since(at) { return at === null ? "" : span(Date.now() / 1000 + this.ahead - at); },
    tick() {
      for (const timer of this.$el.querySelectorAll(".timer[data-since]")) {
        const text = this.since(Number(timer.dataset.since));
        if (timer.firstChild && timer.firstChild.data !== text) timer.firstChild.data = text;
      }
    },
    wish(what, call) { this.$emit("wish", { what, call }); },
    drag(call) { this.dragging = call !== null; if (call === null) this.over = null; },
    drop(event, phone) {
      const call = event.dataTransfer.getData("text/plain");
      this.over = null;
      this.dragging = false;
      if (call in this.all) this.$emit("wish", { what: "drop", call, to: phone.account });
    },
  },
};
