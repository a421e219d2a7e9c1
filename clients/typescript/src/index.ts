/**
 * The feed of Hansa as a stream that resumes by itself: nothing repeated, nothing skipped.
 *
 *     import { subscribe } from "hansa-feed";
 *
 *     for await (const item of subscribe("http://127.0.0.1:50052", { start: kept ?? "beginning" })) {
 *       if (item.kind === "events") {
 *         dealWith(item.events);
 *         keep(item.cursor); // best together with what the events caused
 *       }
 *     }
 *
 * What `gen/` holds, generated from the .proto files, is the rest of the API.
 */
export * from "./errors.js";
export * from "./items.js";
export * from "./subscription.js";
