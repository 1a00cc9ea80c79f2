"""python tasks.py OUT.json: what Python says of templates, literals, texts and random numbers (libs/eval/test/python.golden.json).

Needs jinja2, set up as lm-eval 0.4.9 sets it up. A template: { template, document, rendered } or, where Jinja2 refuses, { …, refused: true }.
"""
import ast, json, random, re, sys
import jinja2

env = jinja2.Environment(loader=jinja2.BaseLoader(), undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
env.filters["regex_replace"] = lambda string, pattern, repl, count=0: re.sub(pattern, repl, string, count=count)

ARC = {"question": "Which one's \"best\"?", "choices": {"text": ["the sun's heat", 'a "quoted" one', "plain", "tab\there"], "label": ["A", "B", "C", "D"]}, "answerKey": "C"}
OBQA = {"question_stem": "Gas can", "choices": {"text": ["x", "y"], "label": ["A", "B"]}, "answerKey": " B"}
TEMPLATES = [
    ("Question: {{goal}}\nAnswer:", {"goal": "  boil an egg\n"}), ("{{[sol1, sol2]}}", {"sol1": "it's", "sol2": 'say "hi" \\ it\'s\u00a0ok\u200b\n'}), ("{{query}}", {"query": "A: b"}), ("{{label}}", {"label": "3"}),
    ("{{label}}", {"label": 2}), ("{{label}}", {"label": True}), ("{{label}}", {"label": None}), ("{{x}}", {"x": 0.1}), ("{{x}}", {"x": 1e-7}), ("{{x}}", {"x": 1.5e20}),
    ("{{choices.label.index(answerKey.lstrip())}}", OBQA), ("{{choices.text}}", OBQA), ("{{choices.label.index(answerKey)}}", ARC), ("{{choices.text}}", ARC), ("{{choices['text'][0]}}", ARC), ("Question: {{question}}\nAnswer:", ARC),
    ("{{support.lstrip()}}\nQuestion: {{question}}\nAnswer:", {"support": "\u3000 \x1c text \n", "question": "q"}), ("{{[distractor1, distractor2, distractor3, correct_answer]}}", {"distractor1": "a", "distractor2": "b", "distractor3": "c", "correct_answer": "d"}),
    ("{{passage}}\nQuestion: {{question}}?\nAnswer:", {"passage": "p", "question": "q"}), ("{{text.split(' ')[:-1]|join(' ')}}", {"text": "the last  word"}), ("{{' '+text.split(' ')[-1]}}", {"text": "the last word"}),
    ("{{question.strip()}}\nA. {{choices[0]}}\nB. {{choices[1]}}\nAnswer:", {"question": " q ", "choices": ["1", "2"]}), ("{{ (label|int) - 1 }}", {"label": "2"}), ("{{correct_answer_id|int - 1}}", {"correct_answer_id": "3"}),
    ("{{ra - 1}}", {"ra": 4}), ("{{answers|map(attribute='atext')|list}}", {"answers": [{"atext": "a'"}, {"atext": "b"}]}), ("{{['a', 'b', 'c', 'd', 'e'].index(correct)}}", {"correct": "d"}), ("{{['True', 'Neither', 'False'][label]}}", {"label": 1}),
    ("['''{{answer}}\\nIs the answer correct? yes''', '''{{answer}}\\nno''']", {"answer": "it's"}), ("Is '{{sentence1[start1:end1]}}' used", {"sentence1": "naïve 😀 place here", "start1": 6, "end1": 13}), ("{{x[0]}}{{x|length}}", {"x": "😀bc"}),
    ("{% set p = 'Q: a\nA: b.'%}{{p + '\n\nQ: ' + question + '\nA:'}}", {"question": "c"}), ("{{mc1_targets.choices}}", {"mc1_targets": {"choices": ["a", "b"], "labels": [1, 0]}}), ("{{[A, B, C, D]}}", {"A": "a", "B": "b", "C": "c", "D": "d"}),
    ("{{[s1, s2]|join(' ')}}", {"s1": "One.", "s2": "Two."}), ("{{ 'ABCD'[answerKey|int - 1] if answerKey|string in '1234' else answerKey }}", {"answerKey": "2"}), ("{{ 'ABCD'[answerKey|int - 1] if answerKey|string in '1234' else answerKey }}", {"answerKey": "D"}),
    ("A{% if choices.text|length > 3 %}\nD. {{choices.text[3]}}{% endif %}\nend\n", ARC), ("a\n", {}), ("a\n\n", {}), ("{% if true %}\n x\n{% endif %}\ny", {}), ("  {% if true %}x{% endif %}", {}), ("{% for c in choices %}{{loop.index}}. {{c}}\n{% endfor %}", {"choices": ["a", "b"]}),
    ("{{x|regex_replace('[0-9]+', '#')}}", {"x": "a1b22"}), ("{{x|regex_replace('(a)(b)', '\\\\2\\\\1')}}", {"x": "abab"}), ("{{x|capitalize}} {{x.capitalize()}} {{x|upper}} {{x.title()}}", {"x": "hELLO wORLD"}), ("{{x|trim}}|", {"x": "\t y \n"}), ("{{x.strip('.')}}", {"x": "..a.."}),
    ("{{x is defined}} {{y is defined}} {{y|default('d')}}", {"x": 1}), ("{{a ~ b}}", {"a": ["x"], "b": 1}), ("{{a == b}} {{a != c}} {{a in d}}", {"a": 1, "b": "1", "c": 2, "d": [1, 2]}), ("{{d}}", {"d": {"k": [1, None, True, "v"]}}), ("{{4 / 2}} {{5 // 2}} {{7 % 3}}", {}),
    ("{{x|string}}", {"x": [1, 2]}), ("{{x.split()}}", {"x": " a  b "}), ("{{x.replace('a', 'b')}} {{x.count('a')}} {{x.find('z')}}", {"x": "banana"}), ("{{'yes' if not flag else 'no'}}", {"flag": False}), ("{{x.upper().startswith('A')}}", {"x": "abc"}),
    ("{{missing}}", {"x": 1}), ("{{x.missing}}", {"x": {"y": 1}}), ("{{missing.y}}", {}), ("{{missing + 'a'}}", {}), ("{% if missing %}a{% endif %}", {}), ("{{missing == 1}}", {}), ("{{x.index('z')}}", {"x": ["a"]}), ("{{x + 1}}", {"x": "a"}), ("{{x[5]}}", {"x": ["a"]}),
]


def rendered(template, document):
    try:
        return {"template": template, "document": document, "rendered": env.from_string(template).render(**document)}
    except Exception:
        return {"template": template, "document": document, "refused": True}


LITERALS = ["['a', \"b'c\"]", "('a', 'b',)", "[1, -2.5, True, None]", "{'a': [1, 2], 'b': 'c'}", "'a' 'b'", "['''it's\nmulti''']", "['\\x41\\u00e9\\n\\'']", "r'\\d'", "[]", "('a')", "[1, [2, ['x']]]"]
REFUSED_LITERALS = ["a", "[1", "['a' 1]", "1 + x", ""]
TEXTS = ["it's", 'say "x"', "both ' and \"", "tab\t nl\n back\\", "\u00a0\u200b\ue000\U0001F600é", "", "\x7f\x00"]


def sampled(seed, size, count, times):
    rnd = random.Random(seed)
    return {"seed": seed, "size": size, "count": count, "drawn": [rnd.sample(list(range(size)), count) for _ in range(times)]}


def floats(seed, times):
    rnd = random.Random(seed)
    return {"seed": seed, "drawn": [rnd.random() for _ in range(times)]}


json.dump({
    "made_with": {"jinja2": jinja2.__version__, "python": sys.version.split()[0]},
    "templates": [rendered(*each) for each in TEMPLATES],
    "literals": [{"text": text, "value": ast.literal_eval(text)} for text in LITERALS], "refusedLiterals": REFUSED_LITERALS,
    "reprs": [{"value": text, "repr": repr(text)} for text in TEXTS],
    "samples": [sampled(1234, 100, 5, 3), sampled(1234, 20, 5, 3), sampled(1234, 3000, 6, 3), sampled(1234, 85, 6, 2), sampled(1234, 86, 6, 2), sampled(0, 5, 5, 2), sampled(4294967296 + 7, 1000, 30, 1), sampled(1234, 1, 1, 2)],
    "randoms": [floats(0, 4), floats(99, 4)],
}, open(sys.argv[1], "w"), ensure_ascii=True, indent=1)
