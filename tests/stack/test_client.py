from sipwright.stack import Exchange
from sipwright.transport import Target


async def test_the_final_response_can_be_awaited(element, new_element, outgoing):
    other = new_element("192.0.2.2")
    other.handle = lambda incoming: (
        [incoming.respond(180), incoming.respond(200), incoming.respond(200)] and True
    )
    provisional = []
    user = Exchange(provisional.append)
    element.stack.send_request(outgoing("INVITE"), Target("udp", "192.0.2.2", 5060), user)
    await element.network.run(1.0)

    assert (await user.final).status == 200
    assert [response.status for response in provisional] == [180]


async def test_silence_ends_in_a_local_408(element, outgoing):
    user = Exchange()
    element.stack.send_request(outgoing(), Target("udp", "192.0.2.9", 5060), user)
    await element.network.run(33.0)

    response = await user.final
    assert (response.status, response.local) == (408, True)
