//go:build integration

package page

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

type css = chromedp.CSS

// patience is how long something that must happen may take on the slowest machine.
const patience = 5 * time.Minute

// within waits until a script is true, also across a navigation.
func (b *browser) within(script string) {
	b.t.Helper()
	deadline := time.After(patience)
	for {
		if ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("!!("+script+")")); err == nil && ok {
			return
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-deadline:
			b.shoot("failed")
			b.t.Fatalf("never: %s", script)
		}
	}
}

func (b *browser) visit(host, path string) {
	b.t.Helper()
	b.do(chromedp.Navigate("http://"+host+path), chromedp.WaitVisible(css("main")))
}

// eval asks the page.
func eval[T any](b *browser, script string) T {
	b.t.Helper()
	return get(b, chromedp.Evaluate[T](script))
}

func TestFlowIsShownAndStaysCurrent(t *testing.T) {
	host := serve(t, "")
	b := open(t, 1400, 900, false)
	b.visit(host, "/")
	for _, name := range []string{"spool", "journal", "archive", "elastic"} {
		b.do(chromedp.WaitVisible(css(`article[aria-label="` + name + `"]`)))
	}
	// By the stream, not by being loaded again: the sink that is down is seen to
	// be, and the journal to have what was read.
	b.within(`!document.querySelector(".live").hidden`)
	b.within(`document.querySelector('[data-text="sink/elastic/word"]').textContent === "down"`)
	b.within(`document.querySelector('.troubles').textContent.includes("Tries again")`)
	b.within(`document.querySelector('[data-text="journal/last"]').textContent !== "#0"`)
	if n := eval[int](b, `document.querySelectorAll(".wires path").length`); n != 3 {
		t.Errorf("%d wires, want one to or from each part", n)
	}
	b.shoot("wide")
	b.clean(host)
}

func TestSearchFindsAnEventAndOpensIt(t *testing.T) {
	host := serve(t, "")
	b := open(t, 1400, 900, false)
	b.visit(host, "/events")
	b.do(
		chromedp.SendKeys(css(`input[name="actor"]`), "alice@example.com"),
		chromedp.SendKeys(css(`input[name="action"]`), "api-key.*"),
	)
	b.do(chromedp.Click(css("form.search button")))
	b.within(`location.search.includes("actor=alice") && document.querySelector("#results")`)
	if n := eval[int](b, `document.querySelectorAll("#results tbody tr").length`); n != 1 {
		t.Fatalf("%d events found, want 1", n)
	}
	b.shoot("found")
	b.do(chromedp.Click(css("#results .title")))
	b.within(`document.querySelector("pre.doc")`)
	for _, form := range []struct{ name, says string }{{"ecs", `"@timestamp"`}, {"ocsf", `"class_uid"`}, {"raw", `"prefect.resource.id"`}} {
		b.do(chromedp.Click(css(`.tabs a[href$="format=` + form.name + `"]`)))
		b.within(`document.querySelector('.tabs a[aria-current][href$="format=` + form.name + `"]')`)
		if text := get(b, chromedp.Text(css("pre.doc"))); !strings.Contains(text, form.says) {
			t.Errorf("%s does not show %s", form.name, form.says)
		}
		b.shoot(form.name)
	}
	b.clean(host)
}

// Everything is reached by keys alone, and what has the focus shows.
func TestTheKeyboardIsEnough(t *testing.T) {
	host := serve(t, "")
	b := open(t, 1400, 900, false)
	b.visit(host, "/events")
	b.do(chromedp.KeyEvent("\t"))
	if text := eval[string](b, `document.activeElement.textContent`); text != "Skip to the content" {
		t.Fatalf("the first stop is %q", text)
	}
	if left := eval[float64](b, `document.activeElement.getBoundingClientRect().left`); left < 0 {
		t.Error("the way past the navigation has the focus and does not show")
	}
	b.do(chromedp.KeyEvent("\r"))
	b.within(`document.activeElement.id === "main"`)
	b.do(chromedp.KeyEvent("/"))
	b.within(`document.activeElement.name === "text"`)
	b.do(chromedp.KeyEvent("alice\r"))
	b.within(`location.search.includes("text=alice") && document.querySelector("#results") && document.readyState === "complete"`)
	b.do(chromedp.KeyEvent("j"))
	b.within(`!!document.activeElement.closest("#results")`)
	if outline := eval[string](b, `getComputedStyle(document.activeElement).outlineStyle`); outline == "none" {
		t.Error("what has the focus does not show it")
	}
	b.do(chromedp.KeyEvent("\r"))
	b.within(`document.querySelector("pre.doc") && document.querySelector("h1").textContent.includes("API key created")`)
	b.clean(host)
}

// What an event holds is text and nothing else.
func TestHostileEventsAreText(t *testing.T) {
	host := serve(t, "")
	b := open(t, 1400, 900, false)
	for _, path := range []string{"/events", "/events?text=onerror", "/deadletters?owner=spool"} {
		b.visit(host, path)
		if n := eval[int](b, `document.querySelectorAll("main img, main script, main [onerror]").length`); n != 0 {
			t.Errorf("%s has markup that came from an event", path)
		}
	}
	b.visit(host, "/events?text=onerror")
	if text := get(b, chromedp.Text(css("#results"))); !strings.Contains(text, "<img src=x") || !strings.Contains(text, "‹U+202E›") {
		t.Errorf("the text is %q", text)
	}
	b.shoot("hostile")
	b.clean(host)
}

func TestLoginOpensTheWayBack(t *testing.T) {
	host := serve(t, "a-token-for-a-test")
	b := open(t, 1400, 900, false)
	b.visit(host, "/events?text=bob")
	b.do(chromedp.WaitVisible(css(`input[type="password"]`)))
	b.shoot("login")
	b.do(chromedp.SendKeys(css(`input[type="password"]`), "a-token-for-a-test\r"))
	b.within(`document.querySelector("#results")`)
	if at := get(b, chromedp.Location()); !strings.HasSuffix(at, "/events?text=bob") {
		t.Errorf("it led to %s", at)
	}
	if cookies := eval[string](b, `document.cookie`); cookies != "" {
		t.Errorf("a script can read the session: %s", cookies)
	}
	b.visit(host, "/")
	b.within(`!document.querySelector(".live").hidden`)
	b.clean(host)
}

func TestDeadLettersAreRetriedAndDropped(t *testing.T) {
	host := serve(t, "")
	b := open(t, 1400, 900, false)
	b.visit(host, "/deadletters")
	b.do(chromedp.Click(css(`button[value="retry"]`)))
	b.within(`document.querySelector(".said")`)
	if said := get(b, chromedp.Text(css(".said"))); !strings.Contains(said, "0 accepted, 1 refused again") {
		t.Errorf("it says %q", said)
	}
	b.do(chromedp.Click(css(".do summary")), chromedp.WaitVisible(css(`input[name="because"]`)),
		chromedp.SendKeys(css(`input[name="because"]`), "a test wrote it\r"))
	b.within(`document.querySelector("main").textContent.includes("1 dropped")`)
	b.shoot("dropped")
	b.clean(host)
}

// In every width and both colours nothing runs over the side, and text can be
// read.
func TestEveryWidthAndBothColours(t *testing.T) {
	host := serve(t, "")
	for name, c := range map[string]struct {
		width int64
		dark  bool
	}{"wide light": {1600, false}, "wide dark": {1600, true}, "narrow light": {390, false}, "narrow dark": {390, true}} {
		t.Run(name, func(t *testing.T) {
			b := open(t, c.width, 900, c.dark)
			for _, path := range []string{"/", "/events", "/events/2", "/deadletters?owner=spool", "/config"} {
				b.visit(host, path)
				if over := eval[int](b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
					t.Errorf("%s is %d pixels too wide", path, over)
				}
				if poor := eval[string](b, contrast); poor != "" {
					t.Errorf("%s: hard to read: %s", path, poor)
				}
				b.shoot(strings.Trim(strings.NewReplacer("/", "-", "?", "-", "=", "-").Replace(path), "-") + "-page")
			}
			b.clean(host)
		})
	}
}

// contrast names the first text whose contrast is below 4.5, WCAG 2.2's AA.
const contrast = `(() => {
  const parse = (c) => (c.match(/[\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; })
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] === 1) return c;
    }
    return [255, 255, 255];
  };
  for (const e of document.querySelectorAll("main *, header *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.checkVisibility() || e.closest(".visually-hidden, svg, option")) continue;
    const a = light(parse(getComputedStyle(e).color)), b = light(ground(e));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) return e.tagName + " " + JSON.stringify(e.textContent.slice(0, 30)) + " " + ratio.toFixed(2);
  }
  return "";
})()`
