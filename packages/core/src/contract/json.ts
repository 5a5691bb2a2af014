/** A JSON object as `JSON.parse` returns it. */
export type JsonObject = { readonly [key: string]: unknown }
