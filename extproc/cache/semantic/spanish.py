"""Spanish, for telling whether two questions are the same."""

from extproc.cache.semantic.grammar import Grammar, groups, months, numbered, rewrites, words

_ASKING = r"(?:(?:me )?(?:puedes|puede|podrías|podría))"
_QUESTION = r"(?=(?:qué|quién|quiénes|cuál|cuáles|dónde|cuándo|cómo|por qué|cuánto|cuánta|cuántos|cuántas)\b)"

SPANISH = Grammar(
    language="es",
    marks=words(
        """el la los las un una unos unas es son era eran fue fueron ser está están hay puedo puede puedes debo debe se
        no sin con y o pero si en de del al por para antes después sobre que qué quién quien quiénes cuál cual
        cuáles dónde donde cuándo cuando cómo como por porqué cuánto cuánta cuántos cuántas yo tú él ella nosotros
        ellos me te mi mis tu tus su sus este esta todo todos más menos a explica explícame dime describe escribe"""
    ),
    asking=words("qué quién quiénes cuál cuáles dónde cuándo cómo por cuánto cuánta cuántos cuántas explica explicar"),
    numbers={
        **numbered("cero _ dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince"),
        "veinte": "20",
        "treinta": "30",
        "cien": "100",
    },
    months=months("enero febrero marzo abril mayo junio julio agosto septiembre/setiembre octubre noviembre diciembre"),
    synonyms=groups(
        """
        email e-mail
        cómo como
        dónde donde
        cuándo cuando
        quién quien
        cuál cual
        qué que
        km kilómetro kilómetros
        kg kilogramo kilogramos kilo kilos
        mg miligramo miligramos
        """
    ),
    contractions=rewrites(
        [
            (r"\bal\b", "a el"),
            (r"\bdel\b", "de el"),
            (r"\b(decir|explicar)me\b", r"me \1"),
            (r"\bexpl[ií]came\b", "me explicar"),
            (r"\bdime\b", "me decir"),
        ]
    ),
    phrases=rewrites(
        [
            (r"^por favor ,? ?", ""),
            (r" ?,? ?por favor$", ""),
            (rf"^(?:{_ASKING} )?(?:me )?decir {_QUESTION}", ""),
            (rf"^(?:yo )?(?:quisiera|quiero|me gustaría) saber {_QUESTION}", ""),
            (rf"^(?:{_ASKING} )?(?:me )?explicar (?=qué es)", ""),
            (rf"^{_ASKING} (?:me )?explicar\b", "me explicar"),
            (r"^(cómo|dónde) puedo ", r"\1 "),
            (r"^(cómo|dónde) ([^\s,]{2,})o (?=[^\s,])", r"\1 \2ar "),
        ]
    ),
    decimal_comma=True,
)
