package docs_test

import (
	"regexp"
	"strings"
)

// A block is one fenced block of a page.
type block struct {
	page string
	line int    // of its first line of text, from 1
	lang string // as after the fence
	text string
	mark string // the HTML comment on the line before the fence, such as "not run: needs a cluster"
}

// blocks lists a page's fenced blocks, also those that are indented in a list.
func blocks(page, text string) []block {
	var all []block
	var open *block
	var indent, mark string
	for i, line := range strings.Split(text, "\n") {
		trimmed := strings.TrimSpace(line)
		switch {
		case open != nil && trimmed == "```":
			all = append(all, *open)
			open, mark = nil, ""
		case open != nil:
			open.text += strings.TrimPrefix(line, indent) + "\n"
		case strings.HasPrefix(trimmed, "```"):
			indent = line[:strings.Index(line, "`")]
			open = &block{page: page, line: i + 2, lang: strings.TrimPrefix(trimmed, "```"), mark: mark}
		case strings.HasPrefix(trimmed, "<!--") && strings.HasSuffix(trimmed, "-->"):
			mark = strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(trimmed, "<!--"), "-->"))
		case trimmed != "":
			mark = ""
		}
	}
	return all
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#{1,6} +(.+?) *$`)
	fenced  = regexp.MustCompile("(?ms)^[ \t]*```.*?^[ \t]*```[ \t]*$")
	code    = regexp.MustCompile("`[^`\n]*`")
	special = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// links lists where a page's links lead.
func links(text string) []string {
	var all []string
	text = code.ReplaceAllString(fenced.ReplaceAllString(text, ""), "")
	for _, m := range link.FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	return all
}

// anchors are the names under which a page's headings can be linked to, as
// GitHub makes them.
func anchors(text string) map[string]bool {
	all := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		name := strings.ToLower(strings.ReplaceAll(m[1], "`", ""))
		all[strings.ReplaceAll(special.ReplaceAllString(name, ""), " ", "-")] = true
	}
	return all
}
