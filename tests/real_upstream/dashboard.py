"""An operator at the dashboard, played in headless Chromium by Playwright. Fails with what was expected and is not so."""

import argparse
import http.client
import pathlib
import re
import threading
import time

from playwright.sync_api import expect, sync_playwright

DEADLINE_MS = 30_000
HOSTILE = '<img src=x onerror=hacked()>"\'</td><script>hacked()</script>'
BAD_RULES = '[[route]]\nname = "product"\nttll = "<img src=x onerror=hacked()>"\npath = "/api/products/{id}"\n'


class Load(threading.Thread):
    """Clients that ask for products, a search that changes, and what is not cached, until told to stop."""

    def __init__(self, data, products):
        super().__init__(daemon=True)
        self.data, self.products, self.stopped, self.requests = data, products, threading.Event(), 0

    def run(self):
        connection = http.client.HTTPConnection(self.data, timeout=10)
        while not self.stopped.wait(0.004):
            n = self.requests
            target = f"/api/products/{n * n % self.products + 1}"
            if n % 33 == 0:
                target = "/api/search?q=%3Cb%3Ehacked()%3C/b%3E"
            elif n % 11 == 0:
                target = f"/api/search?q=word{n // 110}"
            elif n % 17 == 0:
                target = "/api/basket"
            elif n % 23 == 0:
                target = "/api/odd?<img%20src=x%20onerror=hacked()>".replace("<", "%3C").replace(">", "%3E")
            connection.request("GET", target, headers={"Host": "shop.example.com"})
            connection.getresponse().read()
            self.requests += 1


class Operator:
    """The page, and everything that the browser complained of."""

    def __init__(self, page, options):
        self.page, self.options, self.complaints = page, options, []
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("console", self.on_console)

    def on_console(self, message):
        # A refused call is one that a step below asks for; the browser notes it as an error of its own.
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            self.complaints.append(f"{message.type}: {message.text}")

    def log_in(self):
        page = self.page
        page.goto(self.options.admin)
        self.accessible("the page to log in")
        page.get_by_label("Token").fill("wrong")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("alert")).to_contain_text("not a token")
        self.accessible("the page to log in, with a fault")
        page.get_by_label("Token").fill(self.options.token)
        page.get_by_role("button", name="Log in").click()
        expect(page.locator("#connection")).to_have_text("live")

    def sees_values_move(self):
        page = self.page
        row = page.locator("#routes tbody tr", has=page.get_by_role("rowheader", name="product", exact=True))
        before = number(row.locator("td").nth(-2))
        expect(row.locator("td").nth(-2)).not_to_have_text(f"{before:,}")
        assert number(row.locator("td").nth(-2)) > before, "requests of the route did not grow"
        expect(page.locator("#tiles dd").nth(0)).to_have_text(re.compile(r"^[1-9]"))
        expect(page.locator("#tiles dd").nth(2)).to_have_text(re.compile(r"^\d+\.\d %$"))
        expect(page.locator("#charts canvas")).to_have_count(4)
        expect(page.locator("#charts .plot").first).to_have_attribute("aria-label", re.compile(r"from cache \d"))
        expect(page.locator("#reasons tbody")).to_contain_text("search")
        drawn = "[...document.querySelectorAll('#charts canvas')].map((c) => c.toDataURL())"
        first = page.evaluate(drawn)
        page.wait_for_function(f"(old) => {drawn}.every((now, at) => now !== old[at])", arg=first)

    def purges(self):
        page = self.page
        page.get_by_label("Names, one a line").fill("product:1\nproduct:2")
        page.get_by_role("button", name="Purge…").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("tags: product:1")
        expect(dialog).to_contain_text(re.compile(r"that is \d responses"))
        self.accessible("the question before a purge")
        dialog.get_by_role("button", name="Cancel").click()
        expect(page.locator("#purges tbody")).to_contain_text("Nothing was purged yet")
        page.get_by_role("button", name="Purge…").click()
        dialog.get_by_role("button", name="Purge", exact=True).click()
        expect(page.locator("#purge-answer")).to_contain_text("complete")
        receipt = re.search(r"Receipt (\S+):", page.locator("#purge-answer").inner_text()).group(1)
        row = page.locator("#purges tbody tr", has=page.get_by_role("rowheader", name=receipt, exact=True))
        expect(row).to_contain_text("tag product:1, tag product:2")
        expect(row).to_contain_text("complete")

    def purges_softly_what_is_hostile(self):
        page = self.page
        page.get_by_label("Names, one a line").fill(HOSTILE)
        page.get_by_label("soft: serve").check()
        page.get_by_role("button", name="Purge…").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text(HOSTILE)
        dialog.get_by_role("button", name="Purge", exact=True).click()
        expect(page.locator("#purges tbody tr").first).to_contain_text(f"tag {HOSTILE}")
        expect(page.locator("#purges tbody tr").first).to_contain_text("soft")
        page.get_by_label("soft: serve").uncheck()
        page.get_by_label("What").select_option("urls")
        page.get_by_label("Names, one a line").fill("no url")
        page.get_by_role("button", name="Purge…").click()
        expect(page.locator("#purge-answer")).to_contain_text("urls[0]")

    def explains(self):
        page = self.page
        page.get_by_label("URL", exact=True).fill("http://shop.example.com/api/products/7")
        page.get_by_role("button", name="Explain").click()
        expect(page.locator("#explain-answer")).to_contain_text("product")
        page.get_by_label("URL", exact=True).fill("http://shop.example.com/api/odd?x=%3Cimg%20src=x%20onerror=hacked()%3E")
        page.get_by_role("button", name="Explain").click()
        expect(page.locator("#explain-answer")).to_contain_text("hacked")

    def drains(self):
        page = self.page
        page.get_by_role("button", name=re.compile("^Drain 127")).click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("button", name="Drain", exact=True).click()
        dialog.get_by_role("button", name="Drain all the same").click()
        expect(page.locator("#upstreams tbody")).to_contain_text("draining")
        expect(page.locator("#warnings")).to_contain_text("is draining")
        page.get_by_role("button", name=re.compile("^Take in 127")).click()
        dialog.get_by_role("button", name="Take in", exact=True).click()
        expect(page.locator("#upstreams tbody")).not_to_contain_text("draining")

    def switches(self):
        page = self.page
        form = page.locator("#switch-form")
        form.get_by_label("For").select_option("search")
        form.get_by_label("Mode").select_option("stale-only")
        form.get_by_label("Why").fill(HOSTILE)
        form.get_by_role("button", name="Set…").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("route search: stale-only for 10m")
        dialog.get_by_role("button", name="Set", exact=True).click()
        expect(page.locator("#switch-answer")).to_contain_text("route search: stale-only. Applied by")
        expect(page.locator("#switches tbody tr")).to_contain_text(HOSTILE)
        expect(page.locator("#warnings")).to_contain_text("Route search is switched to stale-only")
        page.get_by_role("button", name="End the switch of route search").click()
        dialog.get_by_role("button", name="End", exact=True).click()
        expect(page.locator("#switches tbody")).to_contain_text("None is on")

    def warms(self):
        page = self.page
        page.get_by_label("URLs to warm").fill("http://shop.example.com/api/products/1\nhttp://shop.example.com/api/products/2")
        page.get_by_role("button", name="Warm…").click()
        page.get_by_role("dialog").get_by_role("button", name="Warm", exact=True).click()
        expect(page.locator("#warm-answer")).to_contain_text("has begun")
        expect(page.locator("#jobs tbody tr")).to_contain_text("2 of 2")
        expect(page.locator("#jobs tbody tr")).to_contain_text("done")

    def sees_what_is_hot(self):
        page = self.page
        form = page.locator("#hot-form")
        form.get_by_label("Within").select_option("1m")
        expect(page.locator("#hot tbody tr").first).to_contain_text("shop.example.com/api/products/")
        expect(page.locator("#searches tbody")).to_contain_text("word")
        expect(page.locator("#searches tbody")).to_contain_text("<b>hacked()</b>")

    def sees_what_was_stale(self):
        """The origin of `aged` changes after its first answer, and nobody purges it."""
        page = self.page
        expect(page.locator("#consistency tbody")).to_contain_text("aged")
        expect(page.locator("#consistency-found tbody")).to_contain_text("None was found")
        for _ in range(2):
            connection = http.client.HTTPConnection(self.options.data, timeout=10)
            connection.request("GET", "/api/aged", headers={"Host": "shop.example.com"})
            assert connection.getresponse().read() == b"old"
        row = page.locator("#consistency tbody tr", has=page.get_by_role("rowheader", name="aged", exact=True))
        expect(row).to_contain_text(re.compile(r"100 %\s*1\s*1\s*100 %\s*0\.5 % to 100 %"))
        expect(page.locator("#consistency-note")).to_contain_text("5,296 for 0.1 %")
        found = page.locator("#consistency-found tbody tr")
        expect(found).to_contain_text("shop.example.com/api/aged")
        expect(found).to_contain_text("none had come")
        served, origin = found.locator("td").nth(4).inner_text(), found.locator("td").nth(5).inner_text()
        assert re.fullmatch(r"200 [0-9a-f]{32}", served) and re.fullmatch(r"200 [0-9a-f]{32}", origin) and served != origin, (served, origin)
        self.sees_which_purge_was_not_obeyed(found)

    def sees_which_purge_was_not_obeyed(self, found):
        """That would be a fault of Larder's own: the answer of the call is changed on its way to the page."""
        def with_purge(route):
            shown = route.fetch().json()
            shown["found"][0] |= {"ignored_purge": {"stamp": "7-1", "scope": {"kind": "tag", "name": HOSTILE}}, "url": HOSTILE}
            route.fulfill(json=shown)
        self.page.route("**/consistency", with_purge)
        expect(found).to_contain_text(f"tag {HOSTILE}, stamp 7-1: not obeyed")
        self.in_both_themes("with a purge that was not obeyed")
        self.page.unroute("**/consistency", with_purge)
        expect(found).to_contain_text("none had come")

    def breaks_the_rules(self):
        page, rules = self.page, pathlib.Path(self.options.rules)
        good = rules.read_text()
        rules.write_text(BAD_RULES)
        self.reads_the_rules_again()
        rejected = page.locator("#rejected")
        expect(rejected).to_contain_text("rules.toml:3:1")
        expect(rejected).to_contain_text("ttll")
        expect(page.locator("#warnings")).to_contain_text("rejected")
        self.in_both_themes("with rejected rules")
        page.get_by_text("Files in force").click()
        expect(page.locator("#rules details")).to_contain_text('name = "search"')
        rules.write_text(good)
        self.reads_the_rules_again()
        expect(rejected).to_have_count(0)

    def reads_the_rules_again(self):
        self.page.get_by_role("button", name="Read the rules again…").click()
        self.page.get_by_role("dialog").get_by_role("button", name="Read them").click()

    def in_both_themes(self, what):
        for theme in ("light", "dark"):
            self.page.emulate_media(color_scheme=theme)
            self.accessible(f"the dashboard {what}, {theme}")

    def keeps_a_theme(self):
        page = self.page
        page.emulate_media(color_scheme="light")
        ground = "getComputedStyle(document.body).backgroundColor"
        light = page.evaluate(ground)
        page.get_by_role("button", name="Dark", exact=True).click()
        dark = page.evaluate(ground)
        assert dark != light, "the button changes nothing"
        page.reload()
        expect(page.locator("#connection")).to_have_text("live")
        assert page.evaluate(ground) == dark, "the theme chosen is lost"
        page.get_by_role("button", name="Light", exact=True).click()
        assert page.evaluate(ground) == light
        page.evaluate("localStorage.removeItem('larder-theme')")
        page.reload()
        expect(page.locator("#connection")).to_have_text("live")

    def accessible(self, what):
        """What axe-core finds is a failure. It is run from outside of the page, whose policy would not let it in."""
        found = self.page.evaluate(f"async () => {{ {self.options.axe.read_text()}; return (await axe.run()).violations; }}")
        told = [f"{one['id']}: {one['help']}: " + ", ".join(str(node["target"]) for node in one["nodes"]) for one in found]
        assert not told, f"axe-core on {what}:\n" + "\n".join(told)

    def fits(self, width, height):
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.wait_for_function("document.querySelector('#charts .plot').clientWidth < innerWidth")
        scroll = self.page.evaluate("document.documentElement.scrollWidth")
        assert scroll <= width, f"{scroll} pixels wide on a screen of {width}"

    def takes_pictures(self):
        page, folder = self.page, self.options.pictures
        folder.mkdir(parents=True, exist_ok=True)
        # Of what was before the page was loaded anew, the charts show what the instance kept.
        page.wait_for_function("document.querySelectorAll('#charts canvas').length === 4")
        page.evaluate("scrollTo(0, 0)")
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            page.set_viewport_size({"width": 1200, "height": 1000})
            page.screenshot(path=folder / f"dashboard-{theme}.png")
        page.emulate_media(color_scheme="light")
        self.fits(360, 740)
        self.accessible("the dashboard on a phone")
        page.screenshot(path=folder / "dashboard-phone.png")

    def logs_out(self):
        self.page.get_by_role("button", name="Log out").click()
        expect(self.page.get_by_label("Token")).to_be_visible()

    def complains_of_nothing(self):
        assert not self.page.evaluate("window.hacked_ran === true"), "what came from outside ran"
        assert not self.complaints, "the browser complained:\n" + "\n".join(self.complaints)


def number(locator):
    return int(locator.inner_text().replace(",", ""))


def main():
    parser = argparse.ArgumentParser()
    for name in ("--admin", "--data", "--token", "--rules"):
        parser.add_argument(name, required=True)
    parser.add_argument("--products", type=int, required=True)
    for name in ("--axe", "--pictures"):
        parser.add_argument(name, type=pathlib.Path, required=True)
    options = parser.parse_args()
    expect.set_options(timeout=DEADLINE_MS)
    load = Load(options.data, options.products)
    load.start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 1000}, color_scheme="light")
        page.set_default_timeout(DEADLINE_MS)
        page.add_init_script("window.hacked = () => { window.hacked_ran = true; }")
        operator = Operator(page, options)
        steps = ("log_in", "sees_values_move", "purges", "purges_softly_what_is_hostile", "explains", "drains",
                 "switches", "warms", "sees_what_is_hot", "sees_what_was_stale",
                 "breaks_the_rules", "keeps_a_theme", "takes_pictures", "complains_of_nothing", "logs_out")
        for step in steps:
            began = time.monotonic()
            getattr(operator, step)()
            print(f"{step}: {time.monotonic() - began:.1f} s", flush=True)
        assert load.is_alive() and load.requests > 100, "the load has stopped"
        load.stopped.set()
        operator.complains_of_nothing()
        browser.close()


if __name__ == "__main__":
    main()
