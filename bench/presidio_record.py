#!/usr/bin/env python3
"""Records what presidio-anonymizer answers to random requests of ours: presidio_record.py OUT.jsonl [COUNT]

Needs presidio-anonymizer. crates/console/tests/console/presidio.rs sends the same requests to the console and
compares text and items. Only operators without randomness are asked for.
"""
import json, random, sys
from presidio_anonymizer import AnonymizerEngine
from presidio_anonymizer.services.app_entities_convertor import AppEntitiesConvertor

random.seed(20261122)
engine, words = AnonymizerEngine(), ["Noor", "Zoë", "of", "the", "555", "Tromsø", "🙂", "a-b", "é", "x", "Lindqvist"]
kinds = ["PERSON", "LOCATION", "PHONE_NUMBER"]

def operator():
    return random.choice([
        lambda: {"type": "replace"}, lambda: {"type": "replace", "new_value": random.choice(["<*>", "Ünbekannt", ""])},
        lambda: {"type": "redact"}, lambda: {"type": "keep"},
        lambda: {"type": "mask", "masking_char": random.choice(["*", "é"]), "chars_to_mask": random.randint(-1, 9),
                 "from_end": random.random() < .5},
        lambda: {"type": "hash", "hash_type": random.choice(["sha256", "sha512"]), "salt": "0123456789abcdef"},
    ])()

with open(sys.argv[1], "w", encoding="utf8") as out:
    for _ in range(int(sys.argv[2]) if len(sys.argv) > 2 else 120):
        text = "".join(random.choice(words) + random.choice([" ", " ", "  ", ", ", "\n"]) for _ in range(random.randint(0, 8)))
        results = []
        for _ in range(random.randint(0, 6)):
            start = random.randint(0, len(text))
            end = min(len(text), start + random.randint(0, 8))
            results.append({"start": start, "end": end, "score": random.choice([.5, .85, 1.0]), "entity_type": random.choice(kinds)})
        request = {"text": text, "analyzer_results": results}
        if random.random() < .7:
            request["anonymizers"] = {k: operator() for k in random.sample(kinds + ["DEFAULT"], random.randint(0, 4))}
        sent = json.loads(json.dumps(request))
        answer = engine.anonymize(
            text=sent["text"], analyzer_results=AppEntitiesConvertor.analyzer_results_from_json(sent["analyzer_results"]),
            operators=AppEntitiesConvertor.operators_config_from_json(sent.get("anonymizers")))
        row = {"request": request, "answer": json.loads(answer.to_json())}
        out.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")
