package e2e

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// idHead begins every generated event id; the event's number follows as twelve
// hex digits. A receiver can so tell which events have come, without a list.
const idHead = "5e9a0d17-c0de-4bad-8a5e-"

const idLen = 36

// idOf is the id of event n.
func idOf(n int) string { return fmt.Sprintf("%s%012x", idHead, n) }

// numberOf reads the number out of an id that idOf made.
func numberOf(id []byte) (int, bool) {
	if len(id) < idLen || !bytes.HasPrefix(id, []byte(idHead)) {
		return 0, false
	}
	var b [6]byte
	if _, err := hex.Decode(b[:], id[len(idHead):idLen]); err != nil {
		return 0, false
	}
	n := 0
	for _, c := range b {
		n = n<<8 | int(c)
	}
	return n, true
}

var (
	actions = []string{
		"api-key.created", "api-key.deleted", "api-key.rotated", "user.logged-in", "user.logged-out",
		"service-account.created", "workspace.created", "workspace-access.updated", "account-settings.updated",
		"team-membership.created", "automation.deleted", "webhook.updated", "account-role.updated",
	}
	people  = []string{"jane.doe", "ravi.k", "m.šimková", "zoë.b", "liu.wei", "o'neill", "sam_t", "k.nakamura"}
	reasons = []string{
		"rotated by schedule", `requested in ticket SEC-4411: \"urgent\"`, "quarterly review",
		`policy \"least-privilege\"\napproved by two owners`, "über-admin approval → done", `path C:\\keys\\old removed`,
	}
	agents = []string{
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",
		"prefect/3.4.11 (API 0.8.4)", "terraform-provider-prefect/2.87.0",
	}
)

// generator makes audit events of about 1,080 bytes; the same seed gives the
// same bytes.
type generator struct {
	rng   *rand.Rand
	start time.Time
	buf   bytes.Buffer
}

func newGenerator(seed uint64) *generator {
	return &generator{rng: rand.New(rand.NewPCG(seed, 1)), start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
}

func (g *generator) uuid() string {
	return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x",
		g.rng.Uint32(), g.rng.Uint32()>>16, g.rng.Uint32()>>20, g.rng.Uint32()>>20, g.rng.Uint64()>>16)
}

// line returns event n as a line; it stays valid until the next call.
func (g *generator) line(n int) []byte {
	r := g.rng
	action := actions[r.IntN(len(actions))]
	kind, _, _ := bytes.Cut([]byte(action), []byte("."))
	who := people[r.IntN(len(people))]
	account := "acc00000-0000-4000-8000-00000000000" + strconv.Itoa(r.IntN(8))
	at := g.start.Add(time.Duration(n)*17*time.Millisecond + time.Duration(r.IntN(1000))*time.Microsecond)
	const stamp = "2006-01-02T15:04:05.000000Z07:00"

	g.buf.Reset()
	fmt.Fprintf(&g.buf, `{"id":"%s","occurred":"%s","event":"prefect-cloud.%s",`, idOf(n), at.Format(stamp), action)
	fmt.Fprintf(&g.buf, `"resource":{"prefect.resource.id":"prefect-cloud.%s.%s","prefect.resource.name":"%s-%d"},`,
		kind, g.uuid(), kind, r.IntN(5000))
	fmt.Fprintf(&g.buf, `"related":[{"prefect.resource.id":"prefect-cloud.actor.%s","prefect.resource.role":"actor",`+
		`"prefect.resource.name":"%s","prefect-cloud.email":"%s@example.com"},`, g.uuid(), who, who)
	fmt.Fprintf(&g.buf, `{"prefect.resource.id":"prefect-cloud.account.%s","prefect.resource.role":"account",`+
		`"prefect.resource.name":"acme"}],`, account)
	fmt.Fprintf(&g.buf, `"payload":{"ip":"10.%d.%d.%d","user_agent":"%s","reason":"%s","attempt":%d,"mfa":%t`,
		r.IntN(256), r.IntN(256), r.IntN(256), agents[r.IntN(len(agents))], reasons[r.IntN(len(reasons))], r.IntN(4), r.IntN(3) > 0)
	for i := range r.IntN(3) {
		fmt.Fprintf(&g.buf, `,"change_%d":{"from":"%s","to":"%s"}`, i, g.uuid(), g.uuid())
	}
	fmt.Fprintf(&g.buf, `},"account":"%s","workspace":null,"follows":null,"received":"%s"}`+"\n",
		account, at.Add(120*time.Millisecond).Format(stamp))
	return g.buf.Bytes()
}
