// Entry of the page that “ionbox view” serves: the report, and what needs the data.

import { start } from "./app.js";
import { addAnyMz } from "./extensions/anymz.js";
import { addOverlay } from "./extensions/overlay.js";
import { ServedSource } from "./sources/served.js";
import { addSpectrum } from "./extensions/spectrum.js";
import { addStage } from "./extensions/stage.js";
import { addTic } from "./extensions/tic.js";
import { addWhy } from "./extensions/why.js";

start(() => new ServedSource(), [addStage, addTic, addOverlay, addAnyMz, addSpectrum, addWhy]);
