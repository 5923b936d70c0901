// The open page of the preview. The server renders everything; these modules keep it up to date
// with the disk, and what the author chose in the address.

import { startActions } from "./actions.js";
import { startChoices } from "./choices.js";
import { startKeys } from "./keys.js";
import { startLinks } from "./links.js";
import { listen } from "./live.js";
import { startWidth } from "./width.js";

listen();
if (document.body.classList.contains("issue")) {
  startChoices();
  startWidth();
  startKeys();
  startLinks();
  startActions();
}
