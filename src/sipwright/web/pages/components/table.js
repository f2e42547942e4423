// Rows with a head; on a narrow screen each row is a card. A cell is a text or {text, under, href, state, actions}.
export default {
  template: `
    <div class="table-room" :tabindex="0" role="region" :aria-label="label">
    <table class="table">
      <caption class="unseen">{{ label }}</caption>
      <thead><tr>
        <th v-for="column in columns" :key="column.key" scope="col" :class="{ end: column.end }" :style="column.share ? { width: column.share } : null" :aria-sort="sorted(column)">
          <button v-if="column.sorts" type="button" @click="$emit('sort', column.key)">{{ column.label }}<span aria-hidden="true">{{ arrow(column) }}</span></button>
          <span v-else :class="{ unseen: column.unseen }">{{ column.label }}</span>
        </th>
      </tr></thead>
      <tbody>
        <tr v-for="row in rows" :key="row.id" :data-id="row.id" :data-testid="testid">
          <td v-for="column in columns" :key="column.key" :data-label="column.unseen ? '' : column.label" :class="{ end: column.end, whole: column.whole, blank: blank(row[column.key]) }">
            <cell :value="row[column.key]" :prefix="prefix" :place="name => $attrs.id + '-' + name + '-' + row.id" @act="name => $emit('act', { id: row.id, name, at: name + '-' + row.id })"></cell>
          </td>
        </tr>
      </tbody>
    </table></div>`,
  components: {
    cell: {
      props: ["value", "prefix", "place"],
      emits: ["act"],
      methods: { pressed(event, name) { press(event, () => this.$emit("act", name)); } },
      computed: { it() { return this.value !== null && typeof this.value === "object" ? this.value : { text: this.value }; } },
      template: `
        <div v-if="it.actions" class="actions"><template v-for="a in it.actions" :key="a.name">
          <a v-if="a.href" class="button small" :href="prefix + a.href">{{ a.label }}<span v-if="it.of" class="unseen"> {{ it.of }}</span></a>
          <button v-else type="button" class="button small" :class="a.kind" :id="place(a.name)" @click="pressed($event, a.name)">{{ a.label }}<span v-if="it.of" class="unseen"> {{ it.of }}</span></button>
        </template></div>
        <div v-else>
          <a v-if="it.href" :href="prefix + it.href">{{ it.text }}</a>
          <span v-else-if="it.state" class="pill" :class="it.state">{{ it.text }}</span>
          <code v-else-if="it.code">{{ it.text }}</code>
          <template v-else>{{ it.text }}</template>
          <span v-if="it.under" class="under">{{ it.under }}</span>
        </div>`,
    },
  },
  props: { label: String, columns: Array, rows: Array, sort: String, descending: Boolean, prefix: { type: String, default: "" }, testid: String },
  emits: ["sort", "act"],
  methods: {
    sorted(column) { return column.key === this.sort ? (this.descending ? "descending" : "ascending") : null; },
    arrow(column) { return column.key === this.sort ? (this.descending ? "\u2193" : "\u2191") : ""; },
    blank(value) { return value === null || value === undefined || value === ""; },
  },
};
