"""German, for telling whether two questions are the same.

Articles are kept: they say who does what to whom.
"""

from extproc.cache.semantic.grammar import Grammar, groups, months, numbered, rewrites, words

_PREFIX = r"(?:zurück|ein|aus|ab|an|auf|weg|los|frei|fest|vor|mit|her|hin)"
_ASKING = (
    r"(?:(?:kannst|könntest|würdest) du|(?:können|könnten|würden) sie) (?:mir |uns )?(?:bitte )?"
    r"(?:sagen|erklären|verraten)"
)
_TELLING = r"(?:bitte )?(?:sag|sage|sagen sie|verrate)(?: mir| uns)?(?: bitte)?"
_KNOWING = r"ich (?:möchte|will|würde gern|würde gerne) (?:gern |gerne )?wissen"
_QUESTION = r"(was|wer|wen|wem|wo|wann|warum|wie)"

GERMAN = Grammar(
    language="de",
    marks=words(
        """der die das den dem des ein eine einen einem einer eines ist sind war waren sein wird werden hat haben kann
        können muss müssen darf dürfen soll sollen will nicht kein keine keinen und oder aber wenn von zu zum zur
        aus im am auf bei mit ohne für vor nach über unter als was wer wen wem wo wann warum wie welche welcher
        welches ich du er sie es wir ihr mir mich dir dich uns mein meine meinen meiner dein deine sein seine seinen
        ihre man bitte bedeutet heißt funktioniert erkläre erklär nenne zeige schreibe alle viel viele wieviel
        wieviele nur sich gibt"""
    ),
    asking=words("was wer wen wem wessen wo wann warum wie welche welcher welches welchen erkläre sag nenne zeige"),
    numbers={
        **numbered("null _ zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn"),
        "zwanzig": "20",
        "dreißig": "30",
        "vierzig": "40",
        "fünfzig": "50",
        "hundert": "100",
    },
    months=months("januar februar märz april mai juni juli august september oktober november dezember"),
    synonyms=groups(
        """
        email e-mail
        handy mobiltelefon
        auto pkw
        km kilometer
        kg kilogramm kilo
        mg milligramm
        prozent %
        """
    ),
    contractions=rewrites([(r"\bwieviel(e?)\b", r"wie viel\1"), (r"\bgib's\b", "gib es")]),
    phrases=rewrites(
        [
            (r"^bitte ", ""),
            (r" , bitte$", ""),
            (r"\b(mir|uns) bitte\b", r"\1"),
            (
                rf"^(?:{_ASKING}|{_TELLING}|{_KNOWING}) , {_QUESTION} (.+) ([^\s,]+)$",
                r"\1 \3 \2",
            ),
            (r"^(?:erklär|erkläre|erklären sie)(?: mir| uns)?\b", "erkläre"),
            (rf"^(wie|wo) ([^\s,]+)e ich (.+) ({_PREFIX})$", r"\1 ich \3 \4\2"),
            (r"^(wie|wo) ([^\s,]+)e ich (.+)$", r"\1 ich \3 \2"),
            (r"^(wie|wo) kann ich (.+) ([^\s,]+?)e?n$", r"\1 ich \2 \3"),
        ]
    ),
    decimal_comma=True,
)
