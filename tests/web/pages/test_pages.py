"""The pages in a browser, as a reader uses them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from fhir_fixtures.vocabulary import build_bundle, build_request

pytestmark = pytest.mark.slow
AXE = Path(__file__).with_name("axe") / "axe.min.js"
CARCINOID = "ileal-net-liver-metastases-carcinoid-syndrome-resection-planned"
COVER = "no short-acting octreotide cover found"


@pytest.fixture(scope="module")
def tab(browser: Browser, browser_context_args: dict[str, Any]) -> Iterator[Page]:
    """One tab for all: a new one costs twice as much as loading a page anew, after which nothing is left."""
    context = browser.new_context(**browser_context_args)
    yield context.new_page()
    context.close()


def opened(page: Page, address: str) -> Page:
    """The page at an address, with all that it asks for."""
    page.goto(address)
    if address == "/":
        expect(page.locator("#cards")).to_contain_text(COVER)
    return page


@pytest.fixture
def playground(tab: Page) -> Page:
    return opened(tab, "/")


def switch(page: Page, key: str, how: str) -> None:
    page.locator("#withhold").evaluate("one => { one.open = true; }")
    page.locator("#sections").get_by_label(key, exact=True).select_option(how)


def take(page: Page, folder: Path, text: str, *, name: str = "chart.json") -> None:
    """Choose a file with this text."""
    chart = folder / name
    chart.write_text(text)
    page.locator("#file").set_input_files(chart)


def row_of(page: Page, rule: str) -> Any:
    return page.locator(f"#answers tr[data-rules='{rule}']")


def test_the_first_page_shows_cards_and_says_that_nobody_reviewed_them(playground: Page) -> None:
    expect(playground.locator("main")).to_contain_text("No clinician has reviewed its content.")
    first = playground.locator(".card").first
    expect(first).to_contain_text("warning")
    expect(first.locator("strong", has_text="and").first).to_be_visible()


def test_it_asks_nobody_else_keeps_nothing_and_is_small(page: Page, base_url: str) -> None:
    complaints: list[str] = []
    sizes: list[int] = []
    page.on("console", lambda one: complaints.append(one.text))
    page.on("pageerror", lambda one: complaints.append(str(one)))
    page.on("request", lambda one: complaints.append(one.url) if not one.url.startswith(base_url) else None)
    page.on("response", lambda one: sizes.append(len(one.body())) if "/playground/" not in one.url else None)
    page.goto("/")
    expect(page.locator("#cards")).to_contain_text(COVER)
    assert complaints == []
    assert 0 < sum(sizes) < 100_000
    kept = page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]")
    assert kept == [0, 0, ""]


def test_another_patient_is_found_by_a_word_and_gets_other_cards(playground: Page) -> None:
    playground.get_by_label("Search the synthetic patients").fill("no net healthy")
    expect(playground.locator("#summary")).to_contain_text("No cards")
    expect(row_of(playground, "ki67")).to_contain_text("silent")


def test_a_section_that_is_withheld_is_not_called_missing(playground: Page) -> None:
    expect(row_of(playground, "sstr-imaging")).to_contain_text("spoke")
    for key in ("imagingStudies", "diagnosticReports"):
        switch(playground, key, "withheld")
    expect(playground.locator("#read tr[data-section='imaging']")).to_contain_text("unknown")
    expect(playground.locator("#facts li", has_text="Grade")).to_contain_text("not read whole: imaging")
    expect(playground.locator("#cards")).not_to_contain_text(
        "No somatostatin-receptor imaging on record for this neuroendocrine tumour"
    )


def test_a_switch_changes_how_much_is_known_of_a_section(playground: Page) -> None:
    for how, state in (("an OperationOutcome", "unknown"), ("its first page", "partial"), ("empty", "known")):
        switch(playground, "procedures", how)
        expect(playground.locator("#read tr[data-section='procedures'] td").first).to_have_text(state)
        expect(playground.locator("#request")).to_contain_text('"procedures"')


def test_without_conditions_the_page_says_what_is_needed(playground: Page) -> None:
    switch(playground, "conditions", "withheld")
    expect(playground.get_by_role("alert")).to_contain_text("The patient's conditions are needed")
    expect(playground.locator(".card")).to_have_count(0)


def test_later_the_same_chart_is_old(playground: Page) -> None:
    playground.goto("/")
    playground.locator("#patient").select_option(f"{CARCINOID}-dotatate-done")
    expect(row_of(playground, "sstr-imaging")).to_contain_text("silent")
    playground.locator("#days").fill("730")
    expect(playground.locator("#days-shown")).to_have_text("730 days later")
    expect(row_of(playground, "sstr-imaging")).to_contain_text("spoke")
    expect(playground.locator("#clock")).to_be_visible()


def order(page: Page, kind: str, words: str) -> None:
    page.locator("#order").evaluate("one => { one.open = true; }")
    page.get_by_label("What it is").select_option(label=kind)
    page.get_by_label("Its name").fill(words)
    page.get_by_role("button", name="Add to what is ordered or booked").click()


def test_an_order_of_ones_own_is_judged_where_it_is_signed(playground: Page) -> None:
    order(playground, "a drug", "Morphine sulfate")
    expect(playground.locator("#hook")).to_have_value("order-sign")
    expect(row_of(playground, "histamine-release")).to_contain_text("Morphine sulfate")
    playground.locator("#hook").select_option("order-select")
    expect(row_of(playground, "histamine-release")).to_contain_text("spoke")
    expect(playground.locator("#request")).to_contain_text('"MedicationRequest/own-1"')
    playground.get_by_role("button", name="Remove Morphine sulfate").click()
    expect(row_of(playground, "histamine-release")).to_contain_text("silent")


def test_a_listed_code_is_offered_and_read(playground: Page) -> None:
    playground.locator("#order").evaluate("one => { one.open = true; }")
    playground.get_by_label("Its name").fill("capecit")
    offered = playground.locator("#codes option[value*='L01BC06']")
    expect(offered).to_be_attached()
    order(playground, "a drug", offered.get_attribute("value") or "")
    expect(playground.locator("#request")).to_contain_text("http://www.whocc.no/atc")
    expect(row_of(playground, "chemotherapy-check")).to_contain_text("spoke")


def test_an_appointment_of_ones_own_is_judged_while_it_is_booked(playground: Page) -> None:
    order(playground, "an appointment", "Right hemicolectomy")
    expect(playground.locator("#hook")).to_have_value("appointment-book")
    expect(playground.locator("#cards")).to_contain_text("planned Right hemicolectomy: no short-acting")
    playground.locator("#hook").select_option("patient-view")
    expect(playground.locator("#drafts")).to_contain_text("not sent on patient-view")


def test_the_phase_of_care_is_a_step_and_unknown_where_the_past_was_not_read(playground: Page) -> None:
    phase = playground.locator("#facts li", has_text="Phase of care")
    expect(phase).to_contain_text("before treatment")
    switch(playground, "procedures", "withheld")
    expect(phase).to_contain_text("not read whole: procedures")
    expect(phase).to_have_class("unknown")


def test_words_of_a_report_are_marked_by_what_is_said_of_them(playground: Page, tmp_path: Path) -> None:
    said = "No liver metastases. Mesenteric mass, suspicious for metastasis."
    bundle = build_bundle(f'ileal NET 60 days ago; imaging report conclusion "{said}"')
    take(playground, tmp_path, json.dumps(bundle))
    report = playground.locator(".text", has_text="Mesenteric mass")
    expect(report.locator("mark.negated", has_text="metastases")).to_contain_text("not")
    expect(report.locator("mark.uncertain", has_text="metastasis")).to_contain_text("perhaps")
    report.hover()
    expect(report).to_have_attribute("data-reference", re.compile("^DiagnosticReport/"))


def test_one_click_leads_to_why_a_rule_kept_silent_and_from_a_rule_to_its_card(playground: Page) -> None:
    playground.get_by_role("link", name="why each did not speak").click()
    silent = row_of(playground, "insulinoma-ssa")
    expect(silent).to_be_in_viewport()
    expect(silent).to_contain_text("no insulinoma is on record")
    row_of(playground, "octreotide-prophylaxis").get_by_role("link", name=COVER).click()
    expect(playground.locator(".card", has_text=COVER).locator("h3")).to_be_in_viewport()


def test_why_a_card_appeared_stands_in_it(playground: Page) -> None:
    card = playground.locator(".card", has_text=COVER)
    card.get_by_text("Why it appeared").click()
    expect(card.locator(".because")).to_contain_text("Carcinoid syndrome")
    rule = card.get_by_role("link", name="octreotide-prophylaxis")
    expect(rule).to_have_attribute("href", "/content/octreotide-prophylaxis")


def test_another_hook_of_a_request_from_a_file_is_asked_for_the_same_chart(
    playground: Page, tmp_path: Path
) -> None:
    take(playground, tmp_path, json.dumps(build_request("pancreatic NET 30 days ago")))
    expect(playground.locator("#facts")).to_contain_text("pancreas")
    playground.locator("#hook").select_option("order-sign")
    expect(row_of(playground, "histamine-release")).not_to_contain_text("not asked")
    expect(playground.locator("#facts")).to_contain_text("pancreas")


def test_another_hook_asks_other_rules(playground: Page) -> None:
    expect(row_of(playground, "histamine-release")).to_contain_text("not asked")
    playground.locator("#hook").select_option("order-sign")
    expect(row_of(playground, "histamine-release")).not_to_contain_text("not asked")


def test_pointing_at_a_card_lights_its_evidence_and_the_reverse(playground: Page) -> None:
    syndrome = playground.locator("svg [data-reference='Condition/carcinoid-syndrome-1']")
    playground.locator(".card", has_text=COVER).locator("h3").hover()
    expect(syndrome).to_have_class(re.compile(r"\blit\b"))
    syndrome.hover()
    expect(playground.locator(".card", has_text=COVER)).to_have_class(re.compile(r"\blit\b"))
    expect(playground.locator(".card", has_text="Biopsy not found")).not_to_have_class(re.compile(r"\blit\b"))


def test_results_are_drawn_against_their_own_range(playground: Page) -> None:
    playground.locator("#patient").select_option("raised-chromogranin-a-with-omeprazole")
    high = playground.locator("svg .event.high").first
    expect(high).to_have_attribute("aria-label", re.compile("upper limit"))
    expect(playground.locator("svg .range").first).to_be_attached()


def test_the_call_is_copied_as_curl(playground: Page, base_url: str) -> None:
    playground.get_by_role("button", name="Copy as curl").click()
    expect(playground.locator("#copied")).to_have_text("Copied.")
    copied = playground.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("curl ")
    assert copied.endswith(f"'{base_url}/cds-services/net-patient-view'")


def test_accepting_and_dismissing_reach_the_store(playground: Page) -> None:
    first, second = playground.locator(".card").nth(0), playground.locator(".card").nth(1)
    first.get_by_role("button", name="Accept").first.click()
    expect(first).to_contain_text("Accepted; the service was told.")
    second.get_by_role("combobox").select_option(index=1)
    second.get_by_role("button", name="Dismiss").click()
    expect(second).to_contain_text("Dismissed; the service was told.")
    expect(second.get_by_role("button", name="Dismiss")).to_be_disabled()

    def accepted() -> bool:
        playground.goto("/insight")
        cover = playground.locator("#by-rule tr", has_text="Octreotide cover")
        return cover.count() == 1 and re.search(r"\t1 \(\d+ %\)\t0 ", cover.inner_text()) is not None

    # Cards are written to the store in the background.
    assert any(accepted() or playground.wait_for_timeout(250) for _attempt in range(40))


def test_a_file_is_taken_in_any_of_three_forms(playground: Page, tmp_path: Path) -> None:
    def written(phrases: str) -> Iterator[str]:
        bundle = build_bundle(phrases)
        yield json.dumps(bundle)
        yield json.dumps(build_request(phrases))
        yield "\n".join(json.dumps(entry["resource"]) for entry in bundle["entry"])

    for site in ("pancreas", "rectum"):
        phrases = {"pancreas": "pancreatic NET 30 days ago", "rectum": "rectal NET 30 days ago"}[site]
        for number, text in enumerate(written(phrases)):
            take(playground, tmp_path, text, name=f"{site}-{number}.json")
            expect(playground.locator("#phrases")).to_have_text(f"From the file {site}-{number}.json")
            expect(playground.locator("#facts")).to_contain_text(f"neuroendocrine tumour of the {site}")


def test_a_file_of_something_else_is_refused_in_words(playground: Page, tmp_path: Path) -> None:
    take(playground, tmp_path, '{"resourceType": "Patient"}')
    expect(playground.get_by_role("alert")).to_contain_text("neither a FHIR Bundle")


def test_markup_in_a_chart_is_shown_and_not_obeyed(playground: Page, tmp_path: Path) -> None:
    bundle = build_bundle("pancreatic NET 30 days ago")
    evil = "<img src=x onerror=alert(1)>"
    for entry in bundle["entry"]:
        if entry["resource"]["resourceType"] == "Condition":
            entry["resource"]["code"]["text"] = evil
    take(playground, tmp_path, json.dumps(bundle))
    drawn = playground.locator("svg .event").first
    expect(drawn).to_have_attribute("aria-label", re.compile(re.escape(evil)))
    expect(playground.locator("main img")).to_have_count(0)


def test_content_leads_from_a_statement_to_the_rule_with_its_cases(tab: Page) -> None:
    tab.goto("/content")
    tab.get_by_label("Show the rules with").fill("octreotide cover")
    expect(tab.locator("#rules tbody tr:visible")).to_have_count(1)
    tab.locator("#rules").get_by_role("link", name="Octreotide cover").click()
    for heading in ("When it appears", "Limits", "Sources", "Cases", "Review"):
        expect(tab.get_by_role("heading", name=heading, exact=True)).to_be_visible()
    expect(tab.locator("table", has_text="has to be")).to_contain_text("passes")
    expect(tab.locator(".fails")).to_have_count(0)


def test_what_changed_since_the_content_was_kept_stands_by_file(tab: Page, tmp_path: Path) -> None:
    tab.goto("/content")
    tab.get_by_role("link", name="What changed since a review").click()
    with tab.expect_download() as download:
        tab.get_by_role("link", name="Save content").click()
    saved = tmp_path / "saved.json"
    download.value.save_as(saved)
    kept = json.loads(saved.read_text())
    tab.locator("#kept").set_input_files(saved)
    expect(tab.locator("#changes")).to_contain_text("Nothing of the content differs")

    kept["files"]["ki67.md"]["title"] = "As it was"
    kept["bases"]["ki67"]["ki67.md"] = "another digest"
    kept["approved"] = ["ki67"]
    earlier = tmp_path / "earlier.json"
    earlier.write_text(json.dumps(kept))
    tab.locator("#kept").set_input_files(earlier)
    expect(tab.locator("#changes section", has_text="ki67.md")).to_contain_text(
        "title: was: As it was; is: Ki-67"
    )
    expect(tab.locator("#changes")).to_contain_text("Approvals that end: ki67.")

    other = tmp_path / "other.json"
    other.write_text("{}")
    tab.locator("#kept").set_input_files(other)
    expect(tab.get_by_role("alert")).to_contain_text("no state of the content that was kept")


def test_lists_are_searched_for_a_code(tab: Page) -> None:
    tab.goto("/content")
    tab.get_by_label("Search all lists").fill("29593-1")
    tab.get_by_role("button", name="Search").click()
    expect(tab.locator("table")).to_contain_text("codelists/ki67-observation.csv")
    tab.goto("/content/lists?q=nothing-has-this-name")
    expect(tab.locator("main")).to_contain_text("No entry holds")


ADDRESSES = ("/", "/content", "/content/ki67", "/content/lists?q=ki-67", "/content/changes", "/insight")


@pytest.fixture(scope="module", params=ADDRESSES)
def looked_at(request: pytest.FixtureRequest, tab: Page) -> Page:
    """Each address, loaded once for all that is looked at on it."""
    tab.emulate_media(reduced_motion="reduce")
    opened(tab, request.param)
    tab.evaluate("for (const one of document.querySelectorAll('details')) one.open = true;")
    tab.evaluate(AXE.read_text(encoding="utf-8"))
    return tab


def found_by_axe(page: Page, **options: Any) -> list[Any]:
    page.evaluate("document.fonts.ready")
    found = page.evaluate("options => axe.run(options)", {"resultTypes": ["violations"], **options})
    serious = [one for one in found["violations"] if one["impact"] in ("serious", "critical")]
    return [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in serious]


def test_axe_finds_nothing_serious(looked_at: Page) -> None:
    looked_at.emulate_media(color_scheme="light")
    assert found_by_axe(looked_at) == []


def test_in_the_dark_the_contrast_is_enough_too(looked_at: Page) -> None:
    """A scheme changes colours and nothing else."""
    looked_at.emulate_media(color_scheme="dark")
    assert found_by_axe(looked_at, runOnly=["color-contrast"]) == []


def test_on_a_phone_nothing_is_wider_than_the_screen(looked_at: Page) -> None:
    usual = looked_at.viewport_size
    looked_at.set_viewport_size({"width": 360, "height": 740})
    width = looked_at.evaluate("document.documentElement.scrollWidth")
    looked_at.set_viewport_size(usual or {"width": 1280, "height": 720})
    assert width <= 360


SHIFTS = """() => new Promise(resolve => {
  let sum = 0;
  const seen = list => { for (const one of list.getEntries()) if (!one.hadRecentInput) sum += one.value; };
  new PerformanceObserver(seen).observe({type: "layout-shift", buffered: true});
  setTimeout(() => resolve(sum), 200);
})"""


@pytest.mark.parametrize("width", [1366, 768, 390])
def test_what_is_there_stays_where_it_is_while_the_rest_arrives(page: Page, width: int) -> None:
    """https://web.dev/articles/cls: below 0.1 is good."""
    page.set_viewport_size({"width": width, "height": 768})
    opened(page, "/")
    assert page.evaluate(SHIFTS) < 0.1
