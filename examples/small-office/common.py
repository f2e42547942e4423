# What the dialplans of the office share: from plans.common import GROUPS
GROUPS = {"600": ["101", "102", "103"], "610": ["104", "105"]}
QUEUES = {"630": ["101", "102"]}
SLOTS = ["701", "702"]
EMERGENCY = ["112", "999"]
HOLIDAYS = ["01-01", "03-17", "12-24", "12-25", "12-26"]
INTERNATIONAL = ["+353", "00353", "353"]


def is_extension(number):
    return len(number) == 3 and "101" <= number <= "120"


def by_a_line(number):
    # The second line when the first one is full, does not answer, or refuses.
    return f"{number}@line1 | {number}@line2"


def way_to(number):
    return f"{number}@local" if is_extension(number) else by_a_line(number)


def blocked(number):
    # Where it is kept that a caller is blocked: people dial 0871234567, and lines say +353871234567 or 353871234567.
    for country in INTERNATIONAL:
        if number.startswith(country):
            number = "0" + number[len(country) :]
    return f"blocked.{number}"[:64]


def wait_in_queue(agents):
    # Whoever calls hears ringing all the time; who was busy, or did not answer, is asked again a little later.
    progress(180)
    for _ in range(5):
        dial(" & ".join([f"{one}@local" for one in agents]), ring=20)
        sleep(5)


def is_open():
    time = now("Europe/Dublin")
    is_holiday = f"{time.month:02}-{time.day:02}" in HOLIDAYS
    return time.weekday() < 5 and 9 <= time.hour < 17 and not is_holiday
