"""Pairs of questions, written for these tests: paraphrases, which deserve one answer, and near misses, which do not.

Two halves. `TUNE` is what the tables of `extproc.cache.semantic` may be fitted to. `REPORT` was written before them, by
the same author, and is for the numbers in docs/cache.md only: no table changes because of what fails there.
"""

from collections.abc import Iterator
from dataclasses import dataclass

PARAPHRASE = "paraphrase"


@dataclass(frozen=True, slots=True)
class Pair:
    """`kind` is `paraphrase`, or in what two questions differ that read much alike."""

    language: str
    kind: str
    one: str
    other: str

    @property
    def same(self) -> bool:
        return self.kind == PARAPHRASE


def _pairs(language: str, kind: str, table: str) -> Iterator[Pair]:
    for row in table.strip().splitlines():
        one, other = row.split(" | ")
        yield Pair(language, kind, one.strip(), other.strip())


REPORT: tuple[Pair, ...] = (
    *_pairs(
        "en",
        PARAPHRASE,
        """
How do I reset my password? | How can I reset my password?
What is the capital of Australia? | what's the capital of australia
Please explain how photosynthesis works. | Can you explain how photosynthesis works?
How do I sort a list in Python? | In Python, how do I sort a list?
What's the best way to learn Spanish? | What is the best way to learn Spanish?
How tall is Mount Everest? | What is the height of Mount Everest?
Tell me the population of Canada | What is the population of Canada?
How do I cancel my subscription? | I'd like to know how to cancel my subscription.
Who wrote Pride and Prejudice? | Who is the author of Pride and Prejudice?
What does HTTP 404 mean? | What is the meaning of HTTP 404?
How long does it take to boil an egg? | How much time does it take to boil an egg?
Could you give me a recipe for banana bread? | Give me a banana bread recipe, please.
Where can I find my invoices? | Where do I find my invoices?
What are the symptoms of the flu? | What are flu symptoms?
How do I buy a ticket online? | How can I purchase a ticket online?
Is it safe to eat raw eggs? | Can you safely eat raw eggs?
How do I delete a branch in git? | How to delete a git branch?
What time does the store open on Sunday? | When does the store open on Sundays?
Convert 5 km to miles | convert 5 kilometers to miles
How many people live in Japan? | What is Japan's population?
What happened on March 1, 2024? | What happened on 1 March 2024?
Why is the sky blue? | what makes the sky blue?
""",
    ),
    *_pairs(
        "de",
        PARAPHRASE,
        """
Wie setze ich mein Passwort zurück? | Wie kann ich mein Passwort zurücksetzen?
Was ist die Hauptstadt von Österreich? | Nenne mir bitte die Hauptstadt von Österreich.
Wie viel kostet der Versand in die Schweiz? | Wieviel kostet der Versand in die Schweiz?
Kannst du mir erklären, wie ein Motor funktioniert? | Bitte erkläre mir, wie ein Motor funktioniert.
Wie lange ist die Garantie gültig? | Wie lange gilt die Garantie?
Wo finde ich meine Rechnungen? | Wo kann ich meine Rechnungen finden?
Wie alt ist das Universum? | wie alt ist das universum
Wie kündige ich mein Abonnement? | Ich möchte wissen, wie ich mein Abonnement kündige.
""",
    ),
    *_pairs(
        "fr",
        PARAPHRASE,
        """
Comment réinitialiser mon mot de passe ? | Comment puis-je réinitialiser mon mot de passe ?
Quelle est la capitale du Canada ? | Peux-tu me dire quelle est la capitale du Canada ?
Combien coûte la livraison en Belgique ? | Quel est le prix de la livraison en Belgique ?
Explique-moi la photosynthèse. | Pouvez-vous m'expliquer la photosynthèse ?
Où puis-je trouver mes factures ? | Où est-ce que je peux trouver mes factures ?
Pourquoi le ciel est-il bleu ? | pourquoi le ciel est il bleu
Comment annuler mon abonnement ? | Je voudrais savoir comment annuler mon abonnement.
""",
    ),
    *_pairs(
        "es",
        PARAPHRASE,
        """
¿Cómo restablezco mi contraseña? | ¿Cómo puedo restablecer mi contraseña?
¿Cuál es la capital de Perú? | Dime cuál es la capital de Perú
¿Cuánto cuesta el envío a México? | ¿Cuál es el precio del envío a México?
¿Puedes explicarme cómo funciona un motor? | Por favor, explícame cómo funciona un motor.
¿Dónde encuentro mis facturas? | ¿Dónde puedo encontrar mis facturas?
¿Por qué el cielo es azul? | por que el cielo es azul
¿Cómo cancelo mi suscripción? | Quisiera saber cómo cancelo mi suscripción.
""",
    ),
    *_pairs(
        "en",
        "number, date or unit",
        """
What was the revenue in 2022? | What was the revenue in 2023?
How do I migrate from version 2 to version 3? | How do I migrate from version 3 to version 4?
What is 15% of 80? | What is 18% of 50?
Convert 5 km to miles | Convert 5 kg to pounds
How much is 100 dollars in euros? | How much is 100 euros in dollars?
Can I take 200 mg of ibuprofen? | Can I take 2000 mg of ibuprofen?
What happened on 3 April 1968? | What happened on 4 March 1968?
Is a dose of 5 mg enough? | Is a dose of 5 g enough?
How do I install Python 3.1? | How do I install Python 3.11?
Which events are planned for May 2025? | Which events are planned for June 2025?
Book a table for two at eight | Book a table for eight at two
What is the temperature at -5 degrees of latitude? | What is the temperature at 5 degrees of latitude?
""",
    ),
    *_pairs(
        "en",
        "name, quotation or identifier",
        """
What is the capital of Austria? | What is the capital of Australia?
Who is the CEO of Apple? | Who is the CEO of Alphabet?
How do I sort a list in Python? | How do I sort a list in Perl?
What does "inter alia" mean? | What does "inter partes" mean?
What does the function get_user do? | What does the function get_users do?
Summarise https://example.com/a/1 | Summarise https://example.com/a/2
How do I set max_retries? | How do I set max_retry_delay?
What does `x == y` do? | What does `x = y` do?
What is the population of Georgia the country? | What is the population of Georgia the state?
Explain the difference between TCP and UDP | Explain the difference between TCP and IP
Is Mercury toxic? | Is Mercury rocky?
What is error E1001? | What is error E1010?
""",
    ),
    *_pairs(
        "en",
        "negation",
        """
Is it safe to take aspirin while pregnant? | Is it not safe to take aspirin while pregnant?
Which foods can dogs eat? | Which foods can't dogs eat?
Why should I use global variables? | Why should I never use global variables?
List the countries with a king | List the countries without a king
Who is allowed to vote? | Who isn't allowed to vote?
What do vegetarians eat? | What do vegetarians not eat?
Is smoking legal here? | Is smoking illegal here?
Can I travel with a visa? | Can I travel with no visa?
""",
    ),
    *_pairs(
        "en",
        "antonym or comparison",
        """
How do I increase my blood pressure? | How do I decrease my blood pressure?
How do I enable two-factor login? | How do I disable two-factor login?
What is the highest mountain in Spain? | What is the lowest mountain in Spain?
How do I open an account? | How do I close an account?
Which phone is the best? | Which phone is the worst?
Is gold heavier than lead? | Is gold lighter than lead?
What are the advantages of nuclear power? | What are the disadvantages of nuclear power?
How do I buy shares? | How do I sell shares?
What is the maximum speed? | What is the minimum speed?
How do I encrypt a file? | How do I decrypt a file?
How do I import a contact? | How do I export a contact?
How do I lock a row? | How do I unlock a row?
""",
    ),
    *_pairs(
        "en",
        "question word",
        """
Who discovered penicillin? | When was penicillin discovered?
Where was Mozart born? | When was Mozart born?
How do I fast safely? | Why do I fast safely?
Which team won the final? | Which team lost the final?
How many legs does a spider have? | How long are the legs a spider has?
What is a mortgage? | Who needs a mortgage?
""",
    ),
    *_pairs(
        "en",
        "direction or roles",
        """
Book a flight from Paris to London | Book a flight from London to Paris
Does the dog bite the man? | Does the man bite the dog?
Should I brush my teeth before breakfast? | Should I brush my teeth after breakfast?
Is France larger than Germany? | Is Germany larger than France?
How do I convert JSON to YAML? | How do I convert YAML to JSON?
Did Rome conquer Carthage? | Did Carthage conquer Rome?
Is the capital of France older than the capital of Spain? | Is the capital of Spain older than the capital of France?
Translate "cat" from English to German | Translate "cat" from German to English
Is the car with the radio faster than the bike? | Is the car faster than the bike with the radio?
How do I copy a file to the server? | How do I copy a file from the server?
Who sold the house to Anna? | Who did Anna sell the house to?
What does Bob owe Alice? | What does Alice owe Bob?
What comes after the last stop? | What comes before the last stop?
Do cats chase mice or do mice chase cats? | Do mice chase mice or do cats chase cats?
""",
    ),
    *_pairs(
        "en",
        "scope, tense or person",
        """
Who is the president of Brazil? | Who was the president of Brazil?
Do all birds fly? | Do some birds fly?
May I smoke here? | Must I smoke here?
Only members can vote on what? | Members can only vote on what?
How do I change my password? | How do I change his password?
Can a tenant be evicted? | Must a tenant be evicted?
Which countries have won the World Cup? | Which countries will win the World Cup?
What is the first step? | What is the last step?
What is the best laptop for students? | What is the best laptop for teachers?
Is it raining in Oslo now? | Does it rain in Oslo often?
How do I delete a branch? | How do I delete a remote branch?
What is a derivative? | What is a financial derivative?
Are few people vaccinated? | Are a few people vaccinated?
Write a poem about rain | Write a story about rain
Explain recursion to a child | Explain recursion to an engineer
Summarise the text in English | Summarise the text in French
Give me three examples of irony | Give me an example of irony
Is he likely to resign? | Is he likely to re-sign?
Do I have to pay? | Do I have pay?
""",
    ),
    *_pairs(
        "de",
        "near miss",
        """
Wie hoch war der Umsatz 2022? | Wie hoch war der Umsatz 2023?
Was ist die Hauptstadt von Österreich? | Was ist die Hauptstadt von Australien?
Darf ich hier parken? | Darf ich hier nicht parken?
Wie aktiviere ich die Benachrichtigungen? | Wie deaktiviere ich die Benachrichtigungen?
Wer hat den Hund gebissen? | Wen hat der Hund gebissen?
Fährt der Zug von Köln nach Bonn? | Fährt der Zug von Bonn nach Köln?
Ist 1,5 mg zu viel? | Ist 15 mg zu viel?
Soll ich die Tablette vor dem Essen nehmen? | Soll ich die Tablette nach dem Essen nehmen?
Was kostet ein Kilo Äpfel? | Was kostet ein Pfund Äpfel?
Wer ist der Kanzler? | Wer war der Kanzler?
Was ist ein Fall ohne Kläger? | Was ist ein Fall mit Kläger?
Umfahren Sie den Baum? | Fahren Sie den Baum um?
Der Mann sieht den Hund | Den Mann sieht der Hund
Wie öffne ich das Konto? | Wie schließe ich das Konto?
Muss ich das Formular ausfüllen? | Kann ich das Formular ausfüllen?
""",
    ),
    *_pairs(
        "fr",
        "near miss",
        """
Quel était le chiffre d'affaires en 2022 ? | Quel était le chiffre d'affaires en 2023 ?
Quelle est la capitale de l'Autriche ? | Quelle est la capitale de l'Australie ?
Peut-on manger du fromage enceinte ? | Ne peut-on pas manger du fromage enceinte ?
Comment activer le mode sombre ? | Comment désactiver le mode sombre ?
Un train de Lyon à Paris | Un train de Paris à Lyon
Faut-il le prendre avant le repas ? | Faut-il le prendre après le repas ?
Qui est le président ? | Qui était le président ?
Puis-je entrer sans visa ? | Puis-je entrer avec visa ?
Où est né Mozart ? | Quand est né Mozart ?
Quel est le plus grand lac de France ? | Quel est le plus petit lac de France ?
Paul aime-t-il Marie ? | Marie aime-t-elle Paul ?
Combien font 1,5 litre en gallons ? | Combien font 15 litres en gallons ?
""",
    ),
    *_pairs(
        "es",
        "near miss",
        """
¿Cuáles fueron los ingresos en 2022? | ¿Cuáles fueron los ingresos en 2023?
¿Cuál es la capital de Paraguay? | ¿Cuál es la capital de Uruguay?
¿Puedo comer queso en el embarazo? | ¿No puedo comer queso en el embarazo?
¿Cómo activo las notificaciones? | ¿Cómo desactivo las notificaciones?
Un vuelo de Madrid a Lima | Un vuelo de Lima a Madrid
¿Debo tomarla antes de comer? | ¿Debo tomarla después de comer?
¿Quién es el presidente? | ¿Quién era el presidente?
¿Se puede entrar sin pasaporte? | ¿Se puede entrar con pasaporte?
¿Dónde nació Picasso? | ¿Cuándo nació Picasso?
¿Cuál es el río más largo? | ¿Cuál es el río menos largo?
¿Ama Juan a Ana? | ¿Ama Ana a Juan?
¿Cómo compro acciones? | ¿Cómo vendo acciones?
""",
    ),
    *_pairs(
        "other",
        "language",
        """
What is the capital of Spain? | ¿Cuál es la capital de España?
Explain recursion | Explique la récursivité
Wie alt ist das Universum? | How old is the universe?
Write it in English | Schreibe es auf Englisch
Jak zresetować hasło? | Jak zmienić hasło?
東京の人口は？ | 大阪の人口は？
""",
    ),
)

TUNE: tuple[Pair, ...] = (
    *_pairs(
        "en",
        PARAPHRASE,
        """
How do I change my email address? | How can I change my e-mail address?
What is the boiling point of water? | Could you tell me the boiling point of water?
Explain what a closure is | Please explain what a closure is.
What is the currency of Norway? | What's Norway's currency?
How to freeze bread? | How do you freeze bread?
In Java, how do I reverse a string? | How do I reverse a string in Java?
I want to know who invented the telephone. | Who invented the telephone?
How do I delete my account? | How can I remove my account?
Where do I download the app? | Where can I download the app?
How many ounces are in a pound? | how many ounces in a pound
List two advantages of solar power. | List 2 advantages of solar power
How do I fix a flat tire? | What's the way to fix a flat tire?
When was the Eiffel Tower built? | In what year was the Eiffel Tower built?
How big is the Sun? | What is the size of the Sun?
What trains go from Rome to Milan? | What trains go to Milan from Rome?
Can you help me understand inflation? | Help me understand inflation
What's the weather like in Rome on 2024-05-06? | What's the weather like in Rome on May 6th, 2024?
Do I need a visa for Turkey? | do i need a visa for turkey?
Define entropy | What is entropy?
Why don't cats like water? | Why do cats not like water?
""",
    ),
    *_pairs(
        "de",
        PARAPHRASE,
        """
Wie ändere ich meine Adresse? | Wie kann ich meine Adresse ändern?
Was bedeutet Inflation? | Kannst du mir sagen, was Inflation bedeutet?
Wo ist der Bahnhof? | Bitte sag mir, wo der Bahnhof ist.
Wie viele Einwohner hat Wien? | Wieviele Einwohner hat Wien?
Wie mache ich Butter weich? | wie mache ich butter weich
Erkläre mir bitte Rekursion. | Erkläre Rekursion!
Gibt es zwei Versionen? | Gibt es 2 Versionen?
""",
    ),
    *_pairs(
        "fr",
        PARAPHRASE,
        """
Comment changer mon adresse ? | Comment est-ce que je peux changer mon adresse ?
Qu'est-ce que l'inflation ? | C'est quoi l'inflation ?
Peux-tu m'expliquer la récursivité ? | Explique-moi la récursivité, s'il te plaît.
Où se trouve la gare ? | Peux-tu me dire où se trouve la gare ?
Qui a inventé le téléphone ? | qui a inventé le téléphone
Combien de pays y a-t-il en Afrique ? | Il y a combien de pays en Afrique ?
""",
    ),
    *_pairs(
        "es",
        PARAPHRASE,
        """
¿Cómo cambio mi dirección? | ¿Cómo puedo cambiar mi dirección?
¿Qué es la inflación? | Explícame qué es la inflación.
¿Dónde está la estación? | ¿Me puedes decir dónde está la estación?
¿Quién inventó el teléfono? | quien inventó el telefono
¿Cuántos países hay en África? | Cuántos países hay en África
¿Hay dos versiones? | ¿Hay 2 versiones?
""",
    ),
    *_pairs(
        "en",
        "near miss",
        """
How do I change my email address? | How do I change my postal address?
What is the boiling point of water? | What is the freezing point of water?
Who was born in 1879? | Who died in 1879?
How do I turn on the alarm? | How do I turn off the alarm?
Is it legal to park here? | Is it illegal to park here?
What trains go from Rome to Milan? | What trains go from Milan to Rome?
Can I eat before surgery? | Can I eat after surgery?
Does Anna like Tom? | Does Tom like Anna?
What is the price of silver? | What was the price of silver?
How many people died? | How did people die?
How do I add a row? | How do I remove a row?
When should I not use a cache? | When should I use a cache?
What is the largest planet? | What is the smallest planet?
What is 12 plus 5? | What is 12 minus 5?
Convert 20 celsius to fahrenheit | Convert 20 fahrenheit to celsius
Remind me on May 6, 2024 | Remind me on June 5, 2024
What does parseInt do? | What does parseFloat do?
Is my brother older than me? | Am I older than my brother?
Could I have won? | Can I win?
All students passed the exam? | Not all students passed the exam?
Which city is the largest in Texas? | Which cities are the largest in Texas?
How do I get to the airport? | How do I get from the airport?
Is the price in dollars? | Is the price in euros?
What is the time? | What is time?
How do you use my data? | How do I use my data?
Define a function that adds numbers | What is a function that adds numbers?
On Monday, who said she left? | Who said she left on Monday?
Can you give blood? | Give blood
They are closed. | They are closed?
Where is the Big Apple? | Where is the large apple?
Who wrote Grey's Anatomy? | Who wrote Gray's Anatomy?
Do I need a visa? | I need a visa.
How do you say please? | How do you say?
What is the tax on wages in Italy? | What is the tax in Italy?
Why did Germany invade Poland? | Why did Poland invade Germany?
""",
    ),
    *_pairs(
        "de",
        "near miss",
        """
Wie ändere ich meine Adresse? | Wie ändere ich seine Adresse?
Was kostet die Fahrt nach Rom? | Was kostet die Fahrt von Rom?
Darf man im Park grillen? | Darf man im Park nicht grillen?
Ist die Prüfung bestanden? | Ist die Prüfung nicht bestanden?
Wann beginnt die Schule? | Wann endet die Schule?
Wie viele Tage hat der Mai? | Wie viele Tage hat der Juni?
Liebt Anna den Peter? | Liebt Peter die Anna?
Wie schalte ich das Gerät ein? | Wie schalte ich das Gerät aus?
Sind 1.000 Euro viel? | Sind 1,000 Euro viel?
""",
    ),
    *_pairs(
        "fr",
        "near miss",
        """
Comment changer mon adresse ? | Comment changer son adresse ?
Qui a inventé le téléphone ? | Qui n'a pas inventé le téléphone ?
Le vol part de Nice à Rome ? | Le vol part de Rome à Nice ?
Comment ouvrir un compte ? | Comment fermer un compte ?
Quand commence l'été ? | Quand finit l'été ?
Quel est le plus long fleuve ? | Quel est le moins long fleuve ?
Est-ce que ça coûte 5 euros ? | Est-ce que ça coûte 50 euros ?
""",
    ),
    *_pairs(
        "es",
        "near miss",
        """
¿Cómo cambio mi dirección? | ¿Cómo cambio su dirección?
¿Quién inventó el teléfono? | ¿Cuándo se inventó el teléfono?
El tren va de Sevilla a Cádiz | El tren va de Cádiz a Sevilla
¿Cómo abro una cuenta? | ¿Cómo cierro una cuenta?
¿Se puede pagar con tarjeta? | ¿No se puede pagar con tarjeta?
¿Cuál es el lago más grande? | ¿Cuál es el lago más pequeño?
¿Cuesta 5 euros? | ¿Cuesta 50 euros?
""",
    ),
    *_pairs(
        "other",
        "language",
        """
What is inflation? | ¿Qué es la inflación?
Was ist Inflation? | What is inflation?
パスワードを変更する方法 | パスワードを削除する方法
""",
    ),
)
