// Minutes of one part, or of one count, on an axis of time: what was not seen is left blank, where it was down is marked.
const W = 1440, H = 48;
export default {
  template: `
    <figure class="strip" :class="'of-' + kind">
      <svg :viewBox="'0 0 ${W} ${H}'" preserveAspectRatio="none" role="img" :aria-label="label">
        <rect v-for="(bar, n) in bars" :key="n" :x="bar.x" :y="bar.y" :width="bar.w" :height="bar.h" :class="bar.look"><title>{{ bar.told }}</title></rect>
      </svg>
    </figure>`,
  props: { points: Array, since: Number, until: Number, top: Number, unit: String, label: String, kind: { type: String, default: "part" } },
  computed: {
    // Four minutes a bar: 360 of them are as many as anybody can tell apart.
    bars() {
      const width = 240, found = new Map();
      for (const [at, value, down] of this.points) {
        const slot = Math.floor((at - this.since) / width);
        const one = found.get(slot) ?? { most: 0, down: false, known: false };
        one.down ||= Boolean(down);
        if (value !== null) { one.known = true; one.most = Math.max(one.most, value); }
        found.set(slot, one);
      }
      const scale = W / (this.until - this.since), top = this.top || 1;
      const shown = [];
      for (const [slot, one] of found) {
        if (!one.known && !one.down) continue;
        const height = one.down ? H : Math.max(3, Math.min(1, one.most / top) * H);
        const when = new Date((this.since + slot * width) * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
        const told = one.down ? `${when}: down` : !this.top && this.kind === "part" ? `${when}: works` : `${when}: at most ${one.most.toLocaleString(undefined, { maximumFractionDigits: 1 })} ${this.unit}`;
        shown.push({ x: slot * width * scale, y: H - height, w: width * scale * 0.8, h: height, look: one.down ? "down" : "", told });
      }
      return shown;
    },
  },
};
