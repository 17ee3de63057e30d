/** This browser as a place to work; a file of its own, so that nothing but its one name is loaded late. */

export { openBrowserPlace } from "./open.ts";
