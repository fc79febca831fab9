from imtrans.testing import check_generator


def test_example_resnet_keeps_the_contract():
    check_generator("example-resnet", width=4, blocks=2)
