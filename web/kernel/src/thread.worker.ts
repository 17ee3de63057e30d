/** The script of a thread's Worker. */

import { beThread } from "./pool.ts";

beThread();
