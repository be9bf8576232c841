// The question about the customer's age: the age, and the last birth date that is old enough, large.
import { dateSoFar, longDate, shortDate } from "../kit/dates.js";
import { html, Icon, Keypad } from "../kit/parts.js";
import { say } from "../kit/words.js";
import { ageReady, confirmAge, eraseBirth, putAgeAside, refuseAge, typeBirth } from "./ages.js";
import * as store from "./store.js";

/** @param {{check: import("./protocol").AgeCheckView}} props */
export function AgeDesk({ check }) {
  const age = check.minimum_age;
  const title = say("age_title", { age });
  const typed = store.padDigits.value !== "";
  const clear = html`<button type="button" class="key key--quiet" key="c" aria-label=${say("clear")} onClick=${() => (store.padDigits.value = "")}>C</button>`;
  return html`<div class="entry__head"><h2 class="cut"><span role="alert">${title}</span></h2>
      <button type="button" class="key key--quiet" onClick=${putAgeAside}><${Icon} name="scan" />${say("age_aside")}</button></div>
    <section class="hand hand--pad age" aria-label=${title}>
      <div class="hand__what">
        <p class="age__sum" aria-hidden="true"><${Icon} name="age" size="l" /><b>${say("age_plus", { age })}</b></p>
        <p class="age__born"><span>${say("age_born")}</span> <b><bdi>${longDate(check.born_by)}</bdi></b></p>
        <p class="quiet hand__now">${say("age_words")}</p>
        <button type="button" class="key key--danger key--tall" onClick=${refuseAge}><${Icon} name="times" />${say("age_refuse")}</button></div>
      <div class="hand__pad"><div class="amount"><span class="quiet">${say("age_birth_date")} <small>${say("age_example", { date: shortDate(check.born_by) })}</small></span><output aria-live="polite"><bdi>${dateSoFar(store.padDigits.value)}</bdi></output></div>
        <${Keypad} top=${7} last=${clear} press=${typeBirth} erase=${eraseBirth} name=${say("age_birth_date")} /></div>
      <button type="button" class=${`key hand__go${ageReady() ? " key--primary" : ""}`} aria-disabled=${ageReady() ? undefined : "true"} onClick=${confirmAge}>
        <bdi>${typed ? say("age_check_date") : say("age_seen")}</bdi> <kbd>Enter</kbd></button></section>`;
}
