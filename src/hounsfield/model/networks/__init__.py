"""Networks in torch (the ``train`` extra): ``catalogue`` lists them without torch, ``build`` makes them."""
