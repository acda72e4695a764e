// Entry of the page that “ionbox view” serves: the report, and what needs the data.

import { start } from "./app.js";
import { addAnyMz } from "./anymz.js";
import { addOverlay } from "./overlay.js";
import { ServedSource } from "./served.js";
import { addSpectrum } from "./spectrum.js";
import { addStage } from "./stage.js";
import { addTic } from "./tic.js";
import { addWhy } from "./why.js";

start(() => new ServedSource(), [addStage, addTic, addOverlay, addAnyMz, addSpectrum, addWhy]);
