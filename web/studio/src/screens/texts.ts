/** Train and Write: one script, for a person opens one after the other. */

export { default as Train } from "./train/Train.svelte";
export { default as Write } from "./write/Write.svelte";
