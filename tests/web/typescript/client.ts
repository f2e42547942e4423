// A client that is made of the OpenAPI document alone: openapi-typescript writes its types, openapi-fetch asks.
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

declare const process: { argv: string[] };

type Account = components["schemas"]["Account"];

const [url, token] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${token}` } });

async function accounts(): Promise<Account[]> {
  const found: Account[] = [];
  let cursor: string | null | undefined;
  do {
    const { data, error } = await client.GET("/api/v1/accounts", { params: { query: { limit: 25, cursor } } });
    if (!data) throw new Error(JSON.stringify(error));
    found.push(...data.items);
    cursor = data.next;
  } while (cursor);
  return found;
}

const before = (await accounts()).length;
const made = await client.POST("/api/v1/accounts", { body: { name: "typed", password: "secret" } });
const twice = await client.POST("/api/v1/accounts", { body: { name: "typed", password: "secret" } });
const wrong = await client.PATCH("/api/v1/accounts/{name}", {
  params: { path: { name: "typed" } },
  body: { most_calls: -1 },
});
const after = (await accounts()).length;
const removed = await client.DELETE("/api/v1/accounts/{name}", { params: { path: { name: "typed" } } });
const me = await client.GET("/api/v1/me");

console.log(
  JSON.stringify({
    me: me.data?.name,
    made: made.data?.account,
    more: after - before,
    statuses: [made, twice, wrong, removed].map(({ response }) => response.status),
    problem: twice.error?.title,
    field: wrong.error?.errors?.[0]?.field,
  }),
);
