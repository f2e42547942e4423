// A call on one axis of time: messages as arrows between lanes, and between them what the script did.
export default {
  template: `
    <div class="ladder-room" tabindex="0" role="region" aria-label="Messages and script on one axis of time">
      <div class="ladder" :style="{ '--lanes': lanes.length }">
        <div class="ladder-head" aria-hidden="true"><div>s</div><div v-for="(lane, at) in lanes" :key="at">{{ lane }}</div></div>
        <template v-for="(item, index) in all" :key="index">
          <div class="rung" :data-kind="item.kind" data-testid="rung">
            <span v-for="n in lanes.length" :key="n" class="lane-line" :style="{ left: 'calc(4.5rem + (100% - 4.5rem) * ' + (n - 0.5) / lanes.length + ')' }"></span>
            <time>{{ item.at.toFixed(3) }}</time>
            <button v-if="item.kind === 'message'" type="button" class="arrow" :class="[item.to > item.from ? 'right' : 'left', item.look]" :aria-expanded="open === index ? 'true' : 'false'"
              :style="{ gridColumn: (2 + Math.min(item.from, item.to)) + ' / ' + (3 + Math.max(item.from, item.to)), '--span': 1 + Math.abs(item.to - item.from) }"
              @click="open = open === index ? null : index"><span class="unseen">{{ lanes[item.from] }} to {{ lanes[item.to] }}: </span><span>{{ item.label }}</span></button>
            <span v-else class="deed" :class="[item.kind, item.look]"><span v-if="item.line" class="where">line {{ item.line }}: </span>{{ item.label }}<span v-if="item.came" class="where"> &rarr; {{ item.came }}</span></span>
          </div>
          <div v-if="open === index && !item.text" class="reading"><p class="quiet small">{{ item.why }}</p></div>
          <div v-else-if="open === index" class="reading"><div class="row middle" style="justify-content: space-between"><span class="quiet small">{{ item.flow }}</span><button type="button" class="button small" @click="copy($event, item.text)">Copy message</button></div><pre tabindex="0">{{ item.text }}</pre></div>
        </template>
      </div>
    </div>`,
  props: { items: Array, lanes: Array },
  data() { return { added: [], open: null }; },
  computed: { all() { return [...this.items, ...this.added]; } },
  methods: {
    append(items) { this.added.push(...items); },
    async copy(event, text) { await copyText(text, event.currentTarget); },
  },
};
