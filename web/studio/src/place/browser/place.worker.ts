/** The one script of this place's Workers; its name tells a Worker what it is for. */

import { serveTraining } from "./training/train.ts";
import { serveWork } from "./work/work.ts";

if (self.name === "training") serveTraining();
else serveWork();
