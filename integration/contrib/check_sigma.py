"""Checks a pack of Sigma rules with pySigma: validates and converts the rules, and
runs them on events with the SQLite backend. Reads {"rules", "pipelines", "events"}
from stdin, where events has the flat events of each format; writes {"problems",
"queries", "fired"} to stdout."""

import json
import pathlib
import re
import sqlite3
import sys

from sigma.backends.elasticsearch import ESQLBackend, LuceneBackend
from sigma.backends.splunk import SplunkBackend
from sigma.backends.sqlite import sqliteBackend
from sigma.collection import SigmaCollection
from sigma.processing.pipeline import ProcessingPipeline
from sigma.validation import SigmaValidator
from sigma.validators.core import validators

# These ask the network, or are about tags that the pack does not use.
ASK_THE_NETWORK = {"attacktag", "d3_fendtag", "cvetag", "cartag", "stptag"}
# Field names are our own: the pipelines map them.
NOT_OURS = {"custom_attributes"}


def rules(folder):
    for path in sorted(pathlib.Path(folder).glob("*.yml")):
        yield path.stem, SigmaCollection.from_yaml(path.read_text())


def pipeline(folder, name):
    path = pathlib.Path(folder) / f"shiplog-{name}.yml"
    return ProcessingPipeline.from_yaml(path.read_text())


def problems(folder):
    chosen = {cls for name, cls in validators.items() if name not in ASK_THE_NETWORK | NOT_OURS}
    validator = SigmaValidator(chosen)
    found = []
    for name, collection in rules(folder):
        found += [f"{name}: {error}" for error in collection.errors]
        found += [f"{name}: {issue}" for rule in collection for issue in validator.validate_rule(rule)]
    return found + [str(issue) for issue in validator.finalize()]


def correlates(collection):
    return any(type(rule).__name__ == "SigmaCorrelationRule" for rule in collection)


def queries(given):
    converted = {}
    for language, backend, form in (
        ("lucene", LuceneBackend, "ecs"),
        ("esql", ESQLBackend, "ecs"),
        ("spl", SplunkBackend, "cim"),
    ):
        converted[language] = {}
        for name, collection in rules(given["rules"]):
            if language == "lucene" and correlates(collection):
                continue  # the language cannot count
            result = backend(pipeline(given["pipelines"], form)).convert(collection)
            if len(result) != 1:
                raise ValueError(f"{name} became {len(result)} queries in {language}")
            converted[language][name] = result[0]
    return converted


def fired(given, form):
    """Which samples each rule fires on."""
    db = load(given["events"][form])
    samples = {str(row["rowid"]): row["sample"] for row in db.execute("select rowid, sample from logs")}
    found = {}
    for name, collection in rules(given["rules"]):
        query = sqliteBackend(pipeline(given["pipelines"], form)).convert(collection)[0]
        hits = set()
        for row in ask(db, query):
            if "event_ids" in row.keys():  # a correlation
                hits |= {samples[event.rsplit(":", 1)[-1]] for event in json.loads(row["event_ids"])}
            else:
                hits.add(row["sample"])
        found[name] = sorted(hits)
    return found


def load(events):
    db = sqlite3.connect(":memory:")
    db.row_factory = sqlite3.Row
    names = sorted({name for event in events for name in event})
    db.execute("create table logs (%s)" % ",".join(f'"{name}"' for name in names))
    db.executemany(
        "insert into logs values (%s)" % ",".join("?" * len(names)),
        [[event.get(name) for name in names] for event in events],
    )
    return db


def ask(db, query):
    """Runs a query; fields that no event has are empty columns."""
    while True:
        try:
            return db.execute(query).fetchall()
        except sqlite3.OperationalError as error:
            missing = re.fullmatch(r"no such column: (.+)", str(error))
            if not missing:
                raise
            db.execute(f'alter table logs add column "{missing[1]}"')


def main():
    given = json.load(sys.stdin)
    json.dump(
        {
            "problems": problems(given["rules"]),
            "queries": queries(given),
            "fired": {form: fired(given, form) for form in given["events"]},
        },
        sys.stdout,
    )


main()
